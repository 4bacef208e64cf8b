"""
The settings of the service, and the message for missing ones.
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
    """Set all required variables; *changes* overrides them, None removes one."""

    def changed(**changes):
        for name, value in (ENOUGH | changes).items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)

    return changed


class TestFromEnvironment:
    def test_the_required_variables_are_sufficient(self, media_environment):
        """
        The others have the defaults of the contract.
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
        The message has the name and the purpose.
        """
        media_environment(**{name: None})

        with pytest.raises(SettingsInvalid) as refusal:
            Settings.from_environment()

        assert str(refusal.value).startswith(f"{name} is not set: the ")

    def test_every_missing_variable_is_named_at_once(self, media_environment):
        """
        One message lists all missing variables.
        """
        media_environment(**dict.fromkeys(ENOUGH))

        with pytest.raises(SettingsInvalid) as refusal:
            Settings.from_environment()

        assert len(str(refusal.value).splitlines()) == 5

    def test_a_short_key_is_refused_without_being_shown(self, media_environment):
        """
        HS256 needs 32 bytes; the message must not contain the secret.
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
        Settings may be printed and logged.
        """
        media_environment(MEDIA_CALLBACK_SECRET="hush-hush")

        assert "hush" not in repr(Settings.from_environment())
        assert "kkkk" not in repr(Settings.from_environment())

    def test_development_types_are_separated_by_commas(self, media_environment):
        """
        The variable has a list.
        """
        media_environment(MEDIA_DEVELOPMENT_TYPES="32, 256")

        assert Settings.from_environment().development_types == frozenset({32, 256})

    def test_a_time_scale_divides_times(self, media_environment):
        """
        With the time scale 10, a pause of a minute takes six seconds.
        """
        media_environment(MEDIA_TIME_SCALE="10")

        assert Settings.from_environment().scaled(60) == 6
