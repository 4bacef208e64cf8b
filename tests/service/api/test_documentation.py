"""
The OpenAPI document and its page. (`conftest` checks that no response has an undocumented status.)
"""

import re

import openapi_spec_validator
import pytest

BASE = "/api/v2/listings/media"


class TestDocument:
    def test_it_is_openapi_3_1(self, env):
        """
        Clients generate code from it.
        """
        assert env.client.get("/openapi.json").json()["openapi"].startswith("3.1")

    @pytest.mark.parametrize(
        ("path", "statuses"),
        [
            (f"{BASE}/uploads", "201 400 401 403 404 409 413 500 503"),
            (f"{BASE}/uploads/complete", "202 400 401 403 404 409 410 413 500 503"),
            (f"{BASE}/uploads/status", "200 400 401 403 404 413 500 503"),
            (f"{BASE}/downloads/query", "200 204 400 401 403 404 409 413 500 503"),
            (f"{BASE}/uploads/retry", "202 400 401 403 404 409 413 500 503"),
            (f"{BASE}/uploads/delete", "200 400 401 403 404 409 413 500 503"),
            ("/internal/media-processing/callback", "200 400 403 404 413 500 503"),
        ],
    )
    def test_every_status_is_documented(self, env, path, statuses):
        """
        An endpoint documents exactly its statuses, and its errors with the error body and an example.
        """
        document = env.client.get("/openapi.json").json()

        responses = document["paths"][path]["post"]["responses"]

        assert sorted(responses) == statuses.split()
        for status, response in responses.items():
            if int(status) >= 400:
                content = response["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
                for each in content["examples"].values():
                    assert each["value"]["code"] == int(status)
                    assert set(each["value"]) == {"code", "message", "details"}

    def test_conflicts_on_completion_are_documented_by_reason(self, env):
        """
        A client can see the possible reasons of a status.
        """
        document = env.client.get("/openapi.json").json()

        responses = document["paths"][f"{BASE}/uploads/complete"]["post"]["responses"]

        assert set(responses["409"]["content"]["application/json"]["examples"]) == {
            "BATCH_STATUS_INVALID",
            "LISTING_STATUS_INVALID",
            "UPLOAD_MISSING",
            "SIZE_MISMATCH",
            "CHECKSUM_MISMATCH",
        }

    def test_requests_are_documented_as_they_are_sent(self, env):
        """
        The document has the names, types and limits of a file.
        """
        schemas = env.client.get("/openapi.json").json()["components"]["schemas"]

        file = schemas["FileToUpload"]["properties"]
        assert file["checksum"]["type"] == "string"
        assert file["sequence"]["minimum"] == 1
        assert file["bytes"]["maximum"] == 256 * 1024 * 1024
        assert schemas["CreateUploads"]["properties"]["listingId"]["maximum"] == 9007199254740991
        assert schemas["FileSlot"]["properties"]["uploadUrl"]["format"] == "uri"
        assert "THUMBNAIL" not in schemas["MediaType"]["enum"]
        assert schemas["CreateUploads"]["properties"]["files"]["maxItems"] == 60
        assert not {"Sha256", "HTTPValidationError"} & set(schemas)

    def test_links_lead_from_a_new_batch_to_every_other_operation(self, env):
        """
        The operations have the names of functions, so that generated clients can be read.
        """
        paths = env.client.get("/openapi.json").json()["paths"]
        media = [path["post"] for name, path in paths.items() if name.startswith(BASE)]

        links = paths[f"{BASE}/uploads"]["post"]["responses"]["201"]["links"]
        linked = {link["operationId"] for link in links.values()}
        assert linked == {each["operationId"] for each in media} - {"create_upload_batch"}

    @pytest.mark.parametrize("model", ["RetryBatch", "DeleteBatch"])
    @pytest.mark.parametrize(
        ("text", "fits"), [("dark", True), (" too dark ", True), (" \n", False), ("\x1e", False)]
    )
    def test_a_blank_reason_does_not_fit_the_document(self, env, model, text, fits):
        """
        The service removes surrounding spaces, and refuses what is empty then.
        """
        schema = env.client.get("/openapi.json").json()["components"]["schemas"][model]

        assert bool(re.search(schema["properties"]["reason"]["pattern"], text)) is fits

    def test_media_endpoints_need_a_bearer_token(self, env):
        """
        The page accepts a token; the callback has none.
        """
        document = env.client.get("/openapi.json").json()

        assert document["paths"][f"{BASE}/uploads"]["post"]["security"] == [{"HTTPBearer": []}]
        assert "security" not in document["paths"]["/internal/media-processing/callback"]["post"]

    def test_the_document_is_valid(self, env):
        """
        By the rules of OpenAPI 3.1; metrics are text.
        """
        document = env.client.get("/openapi.json").json()

        openapi_spec_validator.validate(document)
        assert list(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]


class TestPage:
    def test_the_page_needs_no_network(self, env):
        """
        All scripts, styles and images come from the API.
        """
        page = env.client.get("/docs").text

        references = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert references
        assert all(reference.startswith("/docs/assets/") for reference in references)
        assert all(env.client.get(reference).status_code == 200 for reference in references)

    def test_the_page_understands_openapi_3_1(self, env):
        """
        Swagger UI supports it from version 5.
        """
        script = env.client.get("/docs/assets/swagger-ui-bundle.js").text

        version = re.search(r'PACKAGE_VERSION:"(\d+)\.', script)
        assert version
        assert int(version[1]) >= 5
