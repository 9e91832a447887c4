"""`verify`, `replay`, `forget`, `set-default` and `status` on the command line."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from croupier.cli.failures import CheckFailed
from croupier.cli.options import AsJson, Store
from croupier.cli.progress import bar
from croupier.cli.stores import store_url
from croupier.cli.terminal import print_json, print_line
from croupier.reports.escaping import visible


def verify_command(store: Store, as_json: AsJson = False) -> None:
    """Fold the log again, recompute every probability, and report the first difference; status 1 if there is one."""
    from croupier.state.verify import verify

    with bar("verifying") as progress:
        found = verify(store_url(store), progress=progress)
    if as_json:
        print_json({"sound": found.sound, **asdict(found)})
    else:
        safe = replace(found, difference=None if found.difference is None else visible(found.difference))
        print(safe.summary())
    if not found.sound:
        raise CheckFailed(f"the log is unsound: {found.difference}")


def replay_command(
    store: Store,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help='Policy to switch to: NAME or NAME:{"json": "arguments"}. The current one by default.',
        ),
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help='Learner to switch to: NAME, NAME:{"json": "arguments"}, or none. The current one by default.',
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a policy and a learner on the full log, and switch the store to them."""
    from croupier.replay import replay

    with bar("replaying") as progress:
        result = replay(store_url(store), policy=policy, learner=learner, progress=progress)
    if as_json:
        print_json(result._asdict())
    else:
        print_line(
            f"{result.rewards} rewards learned; the log continues at position {result.position} with "
            f"{result.policy}, state {result.state_hash[:16]}"
        )


def forget_command(
    store: Store, unit: Annotated[str, typer.Argument(help="Id of the unit to erase.")], as_json: AsJson = False
) -> None:
    """Erase a unit from the log, the snapshots and the state."""
    from croupier.replay import open_current

    with open_current(store_url(store)) as engine:
        erased = engine.forget(unit)
    if as_json:
        print_json({"unit": unit, "erased": erased})
    else:
        done = f"{erased} facts became tombstones, and the state was learned again without them"
        print_line(done if erased else f"the log has no fact of the unit {unit!r}; nothing was changed")


def set_default_command(
    store: Store,
    window: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds after a decision within which a reward counts.")
    ],
    value: Annotated[float, typer.Option(help="Reward of a decision without one within the window.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Declare a default reward: write that of every past decision without a reward, and learn the log again."""
    from croupier.replay import set_default

    with bar("learning") as progress:
        done = set_default(store_url(store), window=window, value=value, progress=progress)
    if as_json:
        print_json({"window": window, "value": value, **done._asdict()})
    else:
        print_line(
            f"{done.defaults} past decisions without a reward were given {value:g}, and the state has learned "
            f"{done.rewards} rewards; open the store with Rewards(window={window:g}, default={value:g}) from now on"
        )


def status_command(store: Store, as_json: AsJson = False) -> None:
    """Print how far a store has learned, and what it cannot learn; it must not be open elsewhere."""
    from croupier.replay import open_current

    with open_current(store_url(store)) as engine:
        found = engine.status()
    if as_json:
        print_json(asdict(found))
    else:
        for line in str(found).splitlines():
            print_line(line)
