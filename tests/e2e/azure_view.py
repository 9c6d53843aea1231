# SPDX-License-Identifier: Apache-2.0
"""What the simulated Azure says."""
from __future__ import annotations

from typing import Any


def machine(lab: Any, names: dict, node: str) -> dict:
    wanted = names["machines"][node].lower()
    return next(value for key, value in lab.azure("/_lab/world")["machines"].items() if key.lower() == wanted)


def attached(lab: Any, names: dict, node: str) -> list[str]:
    """Names of the user-assigned identities on the node's VM or scale set, as ARM has them."""
    return sorted(item.rsplit("/", 1)[1] for item in machine(lab, names, node)["user_assigned_identities"])
