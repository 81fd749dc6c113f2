# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hooks hold where, what is refused, and that what fills a place is never read again."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import filled, hooks_of, step_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError

RINGS = "rings:\n  - {name: test, hosts: t}\n  - {name: production, hosts: p}\n"
MATCHES = {"web": ["web1", "web2"]}


@pytest.mark.parametrize(
    ("given", "scope", "ring", "hosts", "holds"),
    [
        ({}, "host", "test", ["web1"], True),
        ({}, "ring", "test", ["web1"], False),
        ({"scope": "ring"}, "ring", "test", ["web1"], True),
        ({"rings": ["production"]}, "host", "test", ["web1"], False),
        ({"rings": ["production"]}, "host", "production", ["web1"], True),
        ({"for": "web"}, "host", "test", ["web2"], True),
        ({"for": "web"}, "host", "test", ["db1"], False),
        ({"for": "web", "scope": "batch"}, "batch", "test", ["db1", "web1"], True),
    ],
)
def test_where_a_hook_holds(given: dict[str, Any], scope: str, ring: str, hosts: list[str], holds: bool) -> None:
    (hook,) = hooks_of([{"name": "h", "pre": {"command": "true"}, **given}])
    assert hook.holds(scope, ring, hosts, MATCHES) is holds


def test_what_takes_a_hook_back() -> None:
    both, own, only_pre, only_post = hooks_of(
        [
            {"name": "a", "pre": {"command": "x"}, "post": {"command": "y 'z z'"}},
            {"name": "b", "pre": {"command": "x"}, "post": {"command": "y"}, "undo": {"http": "http://u/"}},
            {"name": "c", "pre": {"command": "x"}, "timeout": "90s"},
            {"name": "d", "post": {"role": "r", "vars": {"n": 1}}},
        ]
    )
    assert both.undo == both.post and both.post is not None and both.post.what == ("y", "z z")
    assert own.undo is not None and (own.undo.kind, own.undo.method) == ("http", "GET")
    assert only_pre.undo is None and only_pre.pre is not None and only_pre.pre.timeout_ms == 90_000
    assert only_post.undo is None
    for step in (both.post, own.undo, only_post.post):
        assert step is not None and step_of(step.document()) == step


@pytest.mark.parametrize(
    ("value", "url", "expected"),
    [
        ("web {host}", False, "web a b"),
        ("{host}{host}", False, "a ba b"),
        ("http://lb/{host}?s={ring}", True, "http://lb/a%20b?s=%7Bhost%7D"),
        (["{ring}", {"k": "{host}"}], False, ["{host}", {"k": "a b"}]),
        ("{unknown} {{ host }} %s", False, "{unknown} {{ host }} %s"),
        (7, False, 7),
    ],
)
def test_places_are_filled_once(value: Any, url: bool, expected: Any) -> None:
    assert filled(value, {"host": "a b", "ring": "{host}"}, url) == expected


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("[{name: a}]", "hooks[0]"),
        ("[{name: a, pre: {command: x, http: 'http://u'}}]", "hooks[0].pre"),
        ("[{name: a, pre: {}}]", "hooks[0].pre"),
        ("[{name: a, post: {command: x}, undo: {command: y}}]", "hooks[0]"),
        ("[{name: a, pre: {command: x}, rings: [nowhere]}]", "no ring is called 'nowhere'"),
        ("[{name: a, pre: {command: x}}, {name: a, pre: {command: x}}]", "two hooks are called 'a'"),
        ('[{name: a, pre: {command: "x \'y"}}]', "cannot be read"),
        ("[{name: a, scope: ring, pre: {command: x, on: host}}]", "runs on the controller"),
        ("[{name: a, pre: {command: x}, timeout: 0s}]", "a timeout of 0 never succeeds"),
        ("[{name: a, pre: {http: 'http://u', on: host}}]", "hooks[0].pre"),
    ],
)
def test_what_is_refused(hooks: str, said: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(f"{RINGS}hooks: {hooks}\n", "policy.yml")
    assert said in str(error.value) and "policy.yml:" in str(error.value)
