# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments that an action fills in: a play leaves them out, a module without its action can't do without them."""

PLAN_STEP = {
    "plan_id": {"type": "str"},
    "ledger_id": {"type": "str"},
    "token": {"type": "int", "no_log": False},
    "on_problem": {"type": "str", "choices": ["fail", "record"], "default": "fail"},
}
"""Options that the modules of a plan's steps share, as the documentation fragment ``plan_step`` describes them."""


def require(module, names):
    """End the module when an argument is missing that its action gives."""
    missing = [name for name in names if module.params[name] in (None, "")]
    if missing:
        module.fail_json(
            msg="missing: {0}. The action of the same name gives them from the open plan; run that action.".format(
                ", ".join(missing)
            )
        )
