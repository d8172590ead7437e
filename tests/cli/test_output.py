from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from bridge.cli.output import failing_readably, json_option
from bridge.errors import BridgeError, Code


@click.command()
@json_option
def refused(*, as_json: bool) -> None:
    with failing_readably(as_json=as_json):
        context = {"fingerprint": "fp_private"}
        raise BridgeError(Code.KEY_UNAVAILABLE, "A key is missing here.", context=context)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_what_the_bridge_refuses_ends_a_command_with_its_public_text(arguments: list[str]) -> None:
    """Exit code 1, the code and the public text; the private context stays private."""
    result = CliRunner().invoke(refused, arguments)
    assert result.exit_code == 1
    assert "fp_private" not in result.output
    if arguments:
        failure = {"ok": False, "code": "key_unavailable", "message": "A key is missing here."}
        assert json.loads(result.stdout) == failure
    else:
        assert result.stderr == "error: A key is missing here. (key_unavailable)\n"
        assert result.stdout == ""
