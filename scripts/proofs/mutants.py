"""Do the tests notice when the code is wrong? `python -m proofs.mutants` changes it in 400 places, one at a time.

The operators are cosmic-ray's. A module of `tests/mutants.toml` is changed in a copy of the tree, one copy a worker,
and its nearest tests run there. A mutant that passes them survived. Every result is written down at once, and a run
that was stopped goes on where it was: a killed mutant is not tried again while its file stays as it is, and a survivor
not while its tests do, either. The copies have no shared/ beside them: what only a comparison with its data would
notice counts as survived.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proofs.mutants_plan import Identity, Module, Mutant, Plan, PlanError, quotas, ranked, read_plan
from proofs.mutants_sites import mutant, sites

ROOT = Path(__file__).resolve().parents[2]
OUT = Path("out/mutants")
TOLERATED = 0.05  # share of the sample that may survive without a reason
MEMORY = 8 << 20  # KiB of address space for the tests: a mutant that fills a list for ever must not fill the machine
OUTCOMES = ("killed", "timeout", "survived")
console = Console(width=None if sys.stdout.isatty() else 120)


class Result(NamedTuple):
    """What became of a mutant.

    Attributes:
        key: Of the mutant.
        tests: What its tests were; see `_fingerprint`.
        outcome: One of `OUTCOMES`.
        seconds: That its tests ran.
        by: The test that failed first.
    """

    key: str
    tests: str
    outcome: str
    seconds: float
    by: str


class Run(NamedTuple):
    """One run of tests.

    Attributes:
        status: Of its exit; None where it was ended for its time.
        seconds: That passed.
        cpu: Seconds of processors, in all that it started and waited for; of one worker only.
        output: What it printed.
    """

    status: int | None
    seconds: float
    cpu: float
    output: str


class Stopped(Exception):
    """The whole run is to end."""


class Tree:
    """A copy of the tree in which one module at a time is changed and tested.

    Args:
        folder: For the copy, and its attribute; what is there is replaced.
        plan: Of the run.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self._plan = folder, plan
        self._compiled, self._scratch = folder.with_suffix(".numba"), folder.with_suffix(".scratch")
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._stamp = int(time.time())
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self._compiled, ignore_errors=True)  # numba does not see that a kernel of another file changed
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0"):  # noqa: S603 # no input of others
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self._scratch.mkdir(exist_ok=True)
        self._check_imports()

    def test(self, module: Module, code: str | None, timeout: float) -> Run:
        """Run the module's tests with other code in its file, or with its own; the file is put back."""
        file = self.folder / module.path
        original, stat = file.read_bytes(), file.stat()
        try:
            if code is not None:
                file.write_text(code)
                # Python and numba know a file by its second and its size, which a mutation may leave as they were
                self._stamp = max(self._stamp + 2, int(time.time()))
                os.utime(file, (self._stamp, self._stamp))
            return self._pytest(module, timeout)
        finally:
            file.write_bytes(original)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def stop(self) -> None:
        """End the tests that are running; `test` raises Stopped from now on."""
        self._stopped = True
        if self._running is not None and self._running.poll() is None:
            self._kill()

    def _kill(self) -> None:
        """End the tests, and every process that they started and left behind."""
        if self._running is not None:
            with suppress(ProcessLookupError):  # none is left
                os.killpg(self._running.pid, signal.SIGKILL)

    def _pytest(self, module: Module, timeout: float) -> Run:
        own = [module.path] if ">>>" in (ROOT / module.path).read_text() else []
        arguments = ["-x", "-q", "--tb=no", "--no-header", "--hypothesis-seed=0", "-p", "no:cacheprovider"]
        limited = ["/bin/sh", "-c", f'ulimit -v {MEMORY} 2>/dev/null; exec "$@"', "sh"]
        command = [*limited, sys.executable, "-m", "pytest", *arguments, *own, *module.tests]
        shutil.rmtree(self._scratch, ignore_errors=True)  # no test is to find what the one before it left
        shutil.rmtree(self.folder / ".hypothesis" / "examples", ignore_errors=True)
        self._scratch.mkdir()
        begun, spent = time.monotonic(), os.times()
        # the output goes to a file, not a pipe, which a process that is left behind would hold open
        with (self._scratch / "output").open("w+b") as output:
            if self._stopped:
                raise Stopped
            self._running = subprocess.Popen(  # noqa: S603 # what runs is in our table
                command,
                cwd=self.folder,
                env=self._environment(module),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | None = self._running.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                self._kill()
                self._running.wait()
            if self._stopped:
                raise Stopped
            output.seek(0)
            ended = os.times()
            cpu = ended.children_user + ended.children_system - spent.children_user - spent.children_system
            return Run(status, time.monotonic() - begun, cpu, output.read().decode(errors="replace"))

    def _environment(self, module: Module | None) -> dict[str, str]:
        """With the packages of this copy before the installed ones, and one thread: the workers fill the cores."""
        ours = {
            "PYTHONPATH": os.pathsep.join(str(self.folder / root) for root in self._plan.roots),
            "NUMBA_CACHE_DIR": str(self._compiled),
            "TMPDIR": str(self._scratch),
            "NUMBA_DISABLE_JIT": str(int(module is None or not module.jit)),
        }
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        return {**os.environ, **ours, **threads}

    def _check_imports(self) -> None:
        """Raises PlanError where a package would not come from this copy: every mutant would survive."""
        folders = {Path(module.path).parts[:2] for module in self._plan.modules}
        for root, package in sorted(folders):
            code = f"import {package}; print({package}.__file__)"
            ran = subprocess.run(  # noqa: S603 # what runs is in our table
                [sys.executable, "-c", code],
                cwd=self.folder,
                env=self._environment(None),
                check=True,
                capture_output=True,
                text=True,
            )
            if not Path(ran.stdout.strip()).is_relative_to(self.folder / root):
                raise PlanError(f"{package} is imported from {ran.stdout.strip()}, not from {self.folder / root}")


class Results:
    """Results by mutant, each on its own line of a file as soon as it is there."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._known: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):  # the last one may be half of a line
                    result = Result(*json.loads(line))
                    self._known[result.key] = result

    def find(self, key: str, tests: str) -> Result | None:
        """What is known, unless tests have changed since that may now kill it."""
        found = self._known.get(key)
        return found if found is not None and (found.outcome == "killed" or found.tests == tests) else None

    def add(self, result: Result) -> None:
        """Keep a result."""
        with self._lock, self._path.open("a") as file:
            self._known[result.key] = result
            file.write(json.dumps(result) + "\n")


def sampled(plan: Plan, count: int, seed: int, only: str) -> dict[Module, list[Mutant]]:
    """The sample, in proportion to the sites of each module."""
    chosen = [module for module in plan.modules if only in module.path]
    sources = [(ROOT / module.path).read_text() for module in chosen]
    for module, source in zip(chosen, sources, strict=True):
        if module.jit and "import numba" in source:
            raise PlanError(f"{module.path} holds kernels; it must be tested without jit")
    found = [sites(source, module.path) for module, source in zip(chosen, sources, strict=True)]
    console.print(f"{sum(map(len, found))} sites in {len(chosen)} modules")
    wanted = quotas([len(each) for each in found], count)
    return {
        module: list(islice(filter(None, (mutant(source, site) for site in ranked(places, seed))), quota))
        for module, source, places, quota in zip(chosen, sources, found, wanted, strict=True)
    }


def _fingerprint(module: Module, root: Path = ROOT) -> str:
    """Of the module's tests: their names, and the contents of their files under `root`."""
    files = sorted({test.partition("::")[0] for test in module.tests if not test.startswith("-")})
    parts = [repr(module).encode(), *((root / file).read_bytes() for file in files)]
    return blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def _baseline(tree: Tree, module: Module) -> Run:
    """The tests as they are; twice where the first run compiles. Raises PlanError if they fail."""
    for _ in range(1 + module.jit):
        ran = tree.test(module, None, 600.0)
        if ran.status != 0:
            raise PlanError(f"the tests of {module.path} do not pass without a mutation:\n{ran.output[-2000:]}")
    return ran


def _try(tree: Tree, module: Module, mutants: Iterable[Mutant], results: Results, seconds: float) -> None:
    tests = _fingerprint(module, tree.folder)  # those that run: the checkout may change meanwhile
    timeout = 20.0 + 4 * seconds
    for one in mutants:
        ran = tree.test(module, one.code, timeout)
        outcome = "timeout" if ran.status is None else "survived" if ran.status == 0 else "killed"
        failed = [line for line in ran.output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        by = failed[0].partition(" - ")[0] if failed else ""
        results.add(Result(one.key, tests, outcome, round(ran.seconds, 2), by))
        said = " ".join((one.identity.before or "?").split("\n"))
        console.print(
            f"{outcome:<8} {ran.seconds:5.1f} s  {one.site.path}  {one.site.function}  {one.site.operator}  {said}",
            markup=False,
            soft_wrap=True,
        )


def run(plan: Plan, pending: Mapping[Module, Sequence[Mutant]], results: Results, workers: int) -> dict[str, Run]:
    """Try the mutants, module by module. Returns the run of each module's tests without a mutation."""
    baselines: dict[str, Run] = {}
    queue: SimpleQueue[Module] = SimpleQueue()
    for module in sorted(pending, key=lambda module: -len(pending[module])):  # long ones first: workers end together
        queue.put(module)
    trees = [Tree(ROOT / OUT / f"tree-{k}", plan) for k in range(min(workers, len(pending)))]

    def work(tree: Tree) -> None:
        while (module := _next(queue)) is not None:
            ran = baselines[module.path] = _baseline(tree, module)
            console.print(f"baseline {ran.seconds:5.1f} s  {module.path}", markup=False, soft_wrap=True)
            _try(tree, module, pending[module], results, ran.seconds)

    with ThreadPoolExecutor(max(len(trees), 1)) as pool:
        working = [pool.submit(work, tree) for tree in trees]
        try:
            wait(working, return_when=FIRST_EXCEPTION)
        finally:  # where one failed, or at ctrl-C, the others end too
            for tree in trees:
                tree.stop()
    failed = [error for each in working if (error := each.exception()) is not None]
    for error in sorted(
        failed, key=lambda error: isinstance(error, Stopped)
    ):  # what failed, not who was stopped for it
        raise error
    return baselines


def _next(queue: SimpleQueue[Module]) -> Module | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def report(
    sample: Mapping[Module, Sequence[Mutant]], results: Results, explained: Mapping[Identity, str], out: Path
) -> bool:
    """Print the table and write the survivors; whether all were tried and few enough survived without a reason."""
    table = Table("module", "mutants", *OUTCOMES, "explained", "not tried")
    total: Counter[str] = Counter()
    survivors: list[tuple[Mutant, str | None]] = []
    for module, mutants in sample.items():
        tests, row = _fingerprint(module), Counter({"mutants": len(mutants)})
        for one in mutants:
            found = results.find(one.key, tests)
            row[found.outcome if found is not None else "not tried"] += 1
            if found is not None and found.outcome == "survived":
                reason = explained.get(one.identity)
                row["explained"] += reason is not None
                survivors.append((one, reason))
        total += row
        table.add_row(module.path, *(str(row[str(column.header)]) for column in table.columns[1:]))
    table.add_section()
    table.add_row("all", *(str(total[str(column.header)]) for column in table.columns[1:]))
    console.print(table)
    (out / "survivors.txt").write_text("\n\n".join(_told(one, reason) for one, reason in survivors) + "\n")
    open_ = [one for one, reason in survivors if reason is None]
    for one in open_:
        console.print(escape(_told(one, None)), highlight=False, soft_wrap=True)
    tried = total["mutants"] - total["not tried"]
    share = len(open_) / tried if tried else 0.0
    console.print(
        f"{len(open_)} of {tried} mutants survived without a reason: {share:.1%}, and {TOLERATED:.0%} may. "
        f"Not tried: {total['not tried']}. Survivors with their differences: {out / 'survivors.txt'}"
    )
    return share <= TOLERATED and tried == total["mutants"]


def _told(one: Mutant, reason: str | None) -> str:
    """A survivor, as an entry to be copied into `explained` of the table, over its difference."""
    fields = "\n".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in one.identity._asdict().items()
    )
    return f"[[explained]]\n{fields}\nreason = {json.dumps(reason or '', ensure_ascii=False)}\n\n{one.diff}"


def main(
    sample: Annotated[int, typer.Option(help="Mutants to try, of all modules together.")] = 400,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    workers: Annotated[int, typer.Option(help="Copies of the tree, each with one run of tests at a time.")] = 2,
    only: Annotated[str, typer.Option(help="Part of a path: only modules that have it, with the whole sample.")] = "",
    limit: Annotated[int | None, typer.Option(help="Try at most so many of the sample now.")] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Only time the tests as they are, one at a time.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier results.")] = False,
) -> None:
    """Change the core in many places, one at a time, and count the changes that its nearest tests do not notice."""
    out = ROOT / OUT
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        (out / "results.jsonl").unlink(missing_ok=True)
    results = Results(out / "results.jsonl")
    begun = time.monotonic()
    try:
        plan = read_plan(ROOT / "tests" / "mutants.toml")
        taken = sampled(plan, sample, seed, only)
        pending = {
            module: [one for one in mutants if _unknown(one, module, results)] for module, mutants in taken.items()
        }
        known = sum(map(len, taken.values())) - sum(map(len, pending.values()))
        console.print(f"{known} of the sample are known from earlier")
        if baseline:
            pending = {module: [] for module in taken}
        elif limit is not None:
            pending = _limited(pending, limit)
        left = pending if baseline else {module: mutants for module, mutants in pending.items() if mutants}
        baselines = run(plan, left, results, 1 if baseline else workers)
    except PlanError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    if baseline:
        _print_baseline(taken, baselines)
        return
    passed = report(taken, results, plan.explained, out)
    console.print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    raise typer.Exit(0 if passed else 1)


def _unknown(one: Mutant, module: Module, results: Results) -> bool:
    return results.find(one.key, _fingerprint(module)) is None


def _limited(pending: Mapping[Module, Sequence[Mutant]], limit: int) -> dict[Module, list[Mutant]]:
    """The first of each module in turn, until there are enough."""
    rounds = [(n, k, m, one) for k, (m, p) in enumerate(pending.items()) for n, one in enumerate(p)]
    kept: dict[Module, list[Mutant]] = {}
    for _, _, module, one in sorted(rounds, key=lambda each: each[:2])[:limit]:
        kept.setdefault(module, []).append(one)
    return kept


def _print_baseline(taken: Mapping[Module, Sequence[Mutant]], baselines: Mapping[str, Run]) -> None:
    table = Table("module", "mutants", "seconds", "cpu seconds", "jit")
    for module, mutants in taken.items():
        ran = baselines[module.path]
        table.add_row(
            module.path, str(len(mutants)), f"{ran.seconds:.1f}", f"{ran.cpu:.1f}", "yes" if module.jit else "no"
        )
    most = sum(len(mutants) * baselines[module.path].cpu for module, mutants in taken.items())
    console.print(table)
    console.print(f"If every mutant survived: {most / 60:.0f} minutes of a core")


if __name__ == "__main__":
    typer.run(main)
