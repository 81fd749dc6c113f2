# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules that carry out a step of a plan on a host."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  plan_id:
    description: Id of the plan.
    type: str
  ledger_id:
    description: Id of the ledger that O(token) is of.
    type: str
  token:
    description:
      - Token of the run; a host starts nothing for a token lower than the highest it has seen of the same ledger.
    type: int
  on_problem:
    description:
      - What a problem means to the action, a failed task or a recorded result. The module itself always returns its
        outcome.
    type: str
    choices: [fail, record]
    default: fail
"""
