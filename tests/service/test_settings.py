"""
The service reads its settings once, and says what is missing and what it is for.
"""

import pytest

from harness.service.settings import Settings, SettingsInvalid

ENOUGH = {
    "MEDIA_DATABASE_URL": "mysql+pymysql://toq:pw@127.0.0.1:3306/toq_server",
    "MEDIA_JWT_KEY": "k" * 32,
    "MEDIA_QUEUE_URL": "http://127.0.0.1/queue",
    "MEDIA_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1/dead",
    "MEDIA_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:m",
}


@pytest.fixture
def media_environment(monkeypatch):
    """An environment with everything that must be there; changes by name, None removes."""

    def changed(**changes):
        for name, value in (ENOUGH | changes).items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)

    return changed


class TestFromEnvironment:
    def test_what_must_be_there_is_enough(self, media_environment):
        """
        Everything else has the default of the contract.
        """
        media_environment()

        settings = Settings.from_environment()

        assert settings.bucket == "toq-listing-medias"
        assert settings.kms_key_id == "alias/toq-media-processing"
        assert (settings.jwt_issuer, settings.jwt_audience) == ("toq", "toq-media")
        assert (settings.upload_ttl_seconds, settings.download_ttl_seconds) == (900, 3600)
        assert settings.stuck_job_timeout_seconds == 1800
        assert settings.development_types == frozenset({32})

    @pytest.mark.parametrize("name", ENOUGH)
    def test_a_missing_variable_names_itself_and_its_purpose(self, media_environment, name):
        """
        Whoever starts the service learns what to set and why.
        """
        media_environment(**{name: None})

        with pytest.raises(SettingsInvalid) as refusal:
            Settings.from_environment()

        assert str(refusal.value).startswith(f"{name} is not set: the ")

    def test_every_missing_variable_is_named_at_once(self, media_environment):
        """
        Nobody wants to start five times to learn of five variables.
        """
        media_environment(**dict.fromkeys(ENOUGH))

        with pytest.raises(SettingsInvalid) as refusal:
            Settings.from_environment()

        assert len(str(refusal.value).splitlines()) == 5

    def test_a_short_key_is_refused_without_being_shown(self, media_environment):
        """
        HS256 wants 32 bytes; the message must not repeat the secret.
        """
        media_environment(MEDIA_JWT_KEY="hush")

        with pytest.raises(SettingsInvalid) as refusal:
            Settings.from_environment()

        assert str(refusal.value).startswith("MEDIA_JWT_KEY is not valid (")
        assert "hush" not in str(refusal.value)
        assert refusal.value.__cause__ is None
        assert refusal.value.__context__ is None

    def test_secrets_are_not_shown(self, media_environment):
        """
        Settings are printed and logged.
        """
        media_environment(MEDIA_CALLBACK_SECRET="hush-hush")

        assert "hush" not in repr(Settings.from_environment())
        assert "kkkk" not in repr(Settings.from_environment())

    def test_development_types_are_separated_by_commas(self, media_environment):
        """
        A list in one variable.
        """
        media_environment(MEDIA_DEVELOPMENT_TYPES="32, 256")

        assert Settings.from_environment().development_types == frozenset({32, 256})

    def test_a_time_scale_divides_times(self, media_environment):
        """
        Ten times faster, a pause of a minute lasts six seconds.
        """
        media_environment(MEDIA_TIME_SCALE="10")

        assert Settings.from_environment().scaled(60) == 6
