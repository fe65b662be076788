"""The environment variables of `par`: every one, its default, its limits and its error text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from devtool.pac import free_port, request
from pixell_testing.packages import from_files, versioned
from pixell_testing.stack import Par, last_log_line

StartPar = Callable[..., Par]

#: Ready in a moment: it needs no interpreter.
LIGHT = from_files({"agent.yaml": "name: light\nui: {path: ui}\n", "ui/index.html": "light"})


def errors_of(running: Par) -> list[str]:
    """What was wrong with the configuration; par must have ended with 1, at once."""
    assert running.wait_exit() == 1
    log = running.log()
    errors = [line["error"] for line in log if line["event"] == "Configuration validation error"]
    (summary,) = [
        line for line in log if line["event"] == "Runtime configuration validation failed"
    ]
    assert summary["error_count"] == len(errors)
    assert "backing off" not in running.log_text()
    return errors


def warnings_of(running: Par) -> list[str]:
    """What was odd about the configuration of a par that became ready."""
    running.wait_ready()
    return [line["warning"] for line in running.log() if line["event"] == "Configuration warning"]


# ----------------------------------------------------------------------------- identity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "AGENT_APP_ID environment variable is required"),
        ("", "AGENT_APP_ID environment variable is required"),
        (" \t ", "AGENT_APP_ID cannot be empty or whitespace-only"),
    ],
)
def test_the_agent_app_id_is_required(par: StartPar, value: str | None, text: str) -> None:
    assert errors_of(par(LIGHT, env={"AGENT_APP_ID": value})) == [text]


@pytest.mark.parametrize("arguments", [("run", "PACKAGE"), ()])
def test_the_agent_app_id_is_required_in_every_mode(
    par: StartPar, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    package = tmp_path / "x.apkg"
    package.write_bytes(LIGHT)
    given = tuple(str(package) if word == "PACKAGE" else word for word in arguments)
    env = {"AGENT_APP_ID": None, "PACKAGE_URL": "https://h.example/x.apkg"}

    assert errors_of(par(None, *given, env=env)) == [
        "AGENT_APP_ID environment variable is required"
    ]


def test_the_deployment_id_is_free_text(par: StartPar) -> None:
    running = par(LIGHT, env={"DEPLOYMENT_ID": "any thing: ü/1"}).wait_ready()

    assert {line["deploymentId"] for line in running.log()} == {"any thing: ü/1"}
    assert {line["agentAppId"] for line in running.log()} == {"test-agent"}


# ------------------------------------------------------------------------------ package


@pytest.mark.parametrize(
    "url",
    [
        *("http://h.example/x", "file:///x.apkg", "ftp://h/x", "x.apkg", "https://"),
        *("s3://", "s3://b", "s3://b/", "s3:///key"),
    ],
)
def test_other_package_urls_are_refused(par: StartPar, url: str) -> None:
    (error,) = errors_of(par(LIGHT, env={"PACKAGE_URL": url}))

    assert "PACKAGE_URL" in error


@pytest.mark.parametrize("url", ["  s3://pixell-agent-packages/a/b.apkg ", "https://h.example/x"])
def test_these_package_urls_are_fine(par: StartPar, url: str) -> None:
    assert warnings_of(par(LIGHT, env={"PACKAGE_URL": url})) == []


def test_another_bucket_is_a_warning(par: StartPar) -> None:
    env = {"PACKAGE_URL": "s3://elsewhere/x.apkg", "S3_BUCKET": "here.and-there"}

    running = par(LIGHT, env=env).wait_ready()

    (line,) = [line for line in running.log() if "does not match expected" in json.dumps(line)]
    assert line["level"] == "warning"
    assert "S3 URL does not match expected bucket" in json.dumps(line)


@pytest.mark.parametrize("bucket", ["ab", "a" * 64, "-abc", "abc-", "Abc", "a_b"])
def test_a_bucket_must_be_one(par: StartPar, bucket: str) -> None:
    (error,) = errors_of(par(LIGHT, env={"S3_BUCKET": bucket}))

    assert "S3_BUCKET" in error


@pytest.mark.parametrize("digest", ["x", "0" * 63, "0" * 65, "g" * 64])
def test_a_digest_has_64_digits(par: StartPar, digest: str) -> None:
    assert errors_of(par(LIGHT, env={"PACKAGE_SHA256": digest})) == [
        "PACKAGE_SHA256 must be 64 hexadecimal digits"
    ]


def test_a_digest_may_be_upper_case(par: StartPar) -> None:
    digest = hashlib.sha256(LIGHT).hexdigest().upper()

    par(LIGHT, env={"PACKAGE_SHA256": digest}).wait_ready()


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "many"])
def test_the_package_size_is_an_integer_from_1(par: StartPar, size: str) -> None:
    (error,) = errors_of(par(LIGHT, env={"MAX_PACKAGE_SIZE_MB": size}))

    assert "MAX_PACKAGE_SIZE_MB" in error


def test_an_enormous_package_size_is_a_warning(par: StartPar) -> None:
    assert warnings_of(par(LIGHT, env={"MAX_PACKAGE_SIZE_MB": "10001"})) == [
        "MAX_PACKAGE_SIZE_MB is above 10000"
    ]


def test_a_package_above_the_size_is_refused(par: StartPar) -> None:
    big = from_files({"agent.yaml": "name: big\n", "noise": hashlib.sha512(b"").hexdigest()})
    padded = big + b"\0" * (1024 * 1024)

    running = par(padded, env={"MAX_PACKAGE_SIZE_MB": "1"})

    assert running.wait_exit() != 0
    assert last_log_line(running)["cause"] == "package_too_large"


def test_a_given_path_beats_the_url_and_the_command_line(par: StartPar) -> None:
    env = {"PACKAGE_URL": "https://127.0.0.1:1/never.apkg"}
    running = par(LIGHT, "run", "/nowhere.apkg", "--unknown", env=env).wait_ready()

    assert running.get("/meta").json()["name"] == "light"


def test_no_package_at_all_is_an_error(par: StartPar) -> None:
    running = par(None)

    assert running.wait_exit() == 1
    assert "PACKAGE_URL" in running.log_text()


# -------------------------------------------------------------------------------- ports


@pytest.mark.parametrize("name", ["REST_PORT", "A2A_PORT", "UI_PORT"])
@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_is_an_integer_from_1(par: StartPar, name: str, port: str) -> None:
    assert errors_of(par(LIGHT, env={name: port})) == [
        f"{name} must be an integer from 1 to 65535, not '{port}'"
    ]


def test_rest_and_a2a_differ(par: StartPar) -> None:
    (error,) = errors_of(par(LIGHT, env={"REST_PORT": "18080", "A2A_PORT": "18080"}))

    assert error == "REST_PORT and A2A_PORT are both 18080; they must differ"


def test_a2a_and_ui_differ(par: StartPar) -> None:
    (error,) = errors_of(par(LIGHT, env={"A2A_PORT": "18080", "UI_PORT": "18080"}))

    assert error == "A2A_PORT and UI_PORT are both 18080; they must differ"


def test_rest_and_ui_differ_unless_they_are_multiplexed(par: StartPar) -> None:
    port = str(free_port())
    same = {"REST_PORT": port, "UI_PORT": port}

    par(LIGHT, env={**same, "MULTIPLEXED": "true"})
    (error,) = errors_of(par(LIGHT, env={**same, "MULTIPLEXED": "false"}))

    assert error == (
        f"REST_PORT and UI_PORT are both {port}; they must differ unless MULTIPLEXED is true"
    )


@pytest.mark.parametrize("value", ["false", "0", "no", "OFF"])
def test_a_ui_port_of_its_own(par: StartPar, value: str) -> None:
    port = free_port()
    running = par(LIGHT, env={"MULTIPLEXED": value, "UI_PORT": str(port)}).wait_ready()
    url = f"http://127.0.0.1:{port}"

    assert request(url, "GET", "/health").json() == {"ok": True, "service": "ui", "port": port}
    assert request(url, "GET", "/").text == "light"
    assert request(url, "GET", "/a/client/route").text == "light"
    assert running.get("/health").json()["surfaces"] == {"rest": True, "ui": True}


@pytest.mark.parametrize("value", ["true", "1", "yes", "On"])
def test_multiplexed_is_the_default(par: StartPar, value: str) -> None:
    assert warnings_of(par(LIGHT, env={"MULTIPLEXED": value})) == []


def test_another_word_for_multiplexed_is_a_warning(par: StartPar) -> None:
    running = par(LIGHT, env={"MULTIPLEXED": "perhaps"})

    (warning,) = warnings_of(running)
    assert "MULTIPLEXED='perhaps'" in warning
    assert "true is used" in warning


def test_a_port_that_is_taken_ends_par(par: StartPar) -> None:
    first = par(LIGHT).wait_ready()
    port = first.url.rpartition(":")[2]

    second = par(LIGHT, env={"REST_PORT": port})

    assert second.wait_exit() == 1
    line = last_log_line(second)
    assert line["cause"] == "port_not_bound"
    assert port in line["message"]
    assert first.get("/health").status == 200


# ---------------------------------------------------------------------------- base path


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("/", ""),
        ("", ""),
        ("  /agents/x  ", "/agents/x"),
        ("agents/x", "/agents/x"),
        ("/agents/x/", "/agents/x"),
        ("/A_b.c-1", "/A_b.c-1"),
    ],
)
def test_a_base_path_is_brought_into_form(par: StartPar, given: str, base: str) -> None:
    running = par(LIGHT, env={"BASE_PATH": given}).wait_ready()

    assert running.get(f"{base}/meta").json()["name"] == "light"
    assert running.get(f"{base}/ui-config.json").json() == {"apiBase": f"{base}/api"}


@pytest.mark.parametrize("given", ["/a//b", "//", "/a b", "/ü", "/a?b", "/a%20b"])
def test_a_base_path_has_no_other_characters(par: StartPar, given: str) -> None:
    (error,) = errors_of(par(LIGHT, env={"BASE_PATH": given}))

    assert "BASE_PATH" in error


# --------------------------------------------------------------------- the rest of them


@pytest.mark.parametrize("region", ["europe", "US-EAST-2", "us-east-two"])
def test_an_odd_region_is_a_warning(par: StartPar, region: str) -> None:
    (warning,) = warnings_of(par(LIGHT, env={"AWS_REGION": region}))

    assert "AWS_REGION" in warning


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOT_BUDGET_MS", "0"),
        ("BOOT_BUDGET_MS", "-5"),
        ("BOOT_BUDGET_MS", "soon"),
        ("BOOT_HARD_LIMIT_MULTIPLIER", "-0.1"),
        ("BOOT_HARD_LIMIT_MULTIPLIER", "twice"),
        ("GRACEFUL_SHUTDOWN_TIMEOUT_SEC", "-1"),
        ("GRACEFUL_SHUTDOWN_TIMEOUT_SEC", "nan"),
        ("STARTUP_TIMEOUT_SEC", "0"),
        ("BOOT_FAILURE_COUNT", "-1"),
    ],
)
def test_a_time_must_make_sense(par: StartPar, name: str, value: str) -> None:
    (error,) = errors_of(par(LIGHT, env={name: value}))

    assert name in error


def test_a_boot_over_its_budget_is_a_warning(par: StartPar) -> None:
    running = par(LIGHT, env={"BOOT_BUDGET_MS": "0.001"}).wait_ready()

    (line,) = [line for line in running.log() if line["event"] == "Boot time exceeded budget"]
    assert line["level"] == "warning"
    assert line["boot_ms"] > line["budget_ms"] == 0.001


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_a_wheelhouse_may_be_absent_or_empty(par: StartPar, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    running = par(versioned("1"), env={"WHEELHOUSE_DIR": str(tmp_path / folder)}).wait_ready()

    assert running.get("/api/version").json()["version"] == "1"


def test_variables_of_the_first_generation_change_nothing(par: StartPar) -> None:
    env = {
        "PORT": "not a port",
        "ADMIN_PORT": "9090",
        "METRICS_PORT": "9090",
        "RUNTIME_MODE": "three-surface",
        "RUNTIME_INSTANCE_ID": "r-1",
        "PACKAGE_CACHE_DIR": "/nowhere",
        "MAX_CACHE_SIZE_MB": "1024",
        "LOG_LEVEL": "DEBUG",
    }
    assert warnings_of(par(LIGHT, env=env)) == []


def test_every_error_is_told_at_once(par: StartPar) -> None:
    env = {
        "AGENT_APP_ID": "",
        "PACKAGE_URL": "file:///x",
        "PACKAGE_SHA256": "x",
        "REST_PORT": "0",
        "BASE_PATH": "/a//b",
        "S3_BUCKET": "B",
        "BOOT_BUDGET_MS": "0",
    }

    assert len(errors_of(par(LIGHT, env=env))) == len(env)
