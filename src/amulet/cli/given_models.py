"""Subcommands on models that are trained already: `compare` two, `audit` one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amulet.cli.endings import NOTHING_WRITTEN, told_plainly
from amulet.cli.options import AllowImports, Details, DeviceOption, check_device, named_imports
from amulet.cli.printing import show_results, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from amulet.experiments import AuditResults, PairResults
    from amulet.experiments.pairs.questions import Told

    Probing = Callable[[Told], tuple[PairResults | AuditResults, dict[str, Any]]]


def compare(
    file: Annotated[Path, typer.Argument(help="The two checkpoints, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
    allow_imports: AllowImports = None,
    details: Details = False,
) -> None:
    """Probe two trained models with the same records, without training anything, and report on this pair only."""
    with told_plainly(NOTHING_WRITTEN) as console:
        folder, beside = out and out.absolute(), file.parent.absolute()
        from amulet.experiments.pairs.specification import compare_checkpoints
        from amulet.experiments.yaml.config import load_pair

        check_device(device)
        pair = load_pair(file, named_imports(allow_imports))
        folder = folder or Path("runs", pair.name).absolute()
        _carry_out(lambda told: compare_checkpoints(pair, beside, device, told), folder, console, details=details)


def audit(
    weights: Annotated[
        Path, typer.Argument(help="The weights: .safetensors, or a state dict as .pt.", exists=True, dir_okay=False)
    ],
    file: Annotated[Path, typer.Argument(help="The model and its data, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
    allow_imports: AllowImports = None,
) -> None:
    """Run every attack and audit that needs no training on one trained model, and report on it."""
    with told_plainly(NOTHING_WRITTEN) as console:
        folder = out and out.absolute()
        from amulet.experiments.model_audit.specification import audit_checkpoint
        from amulet.experiments.yaml.config import load_audit

        check_device(device)
        if weights.suffix in {".yaml", ".yml"} and file.suffix not in {".yaml", ".yml"}:
            raise typer.BadParameter(f"The weights come first: amulet audit {file} {weights}", param_hint="'weights'")
        asked = load_audit(file, named_imports(allow_imports))
        folder = folder or Path("runs", asked.name).absolute()
        _carry_out(lambda told: audit_checkpoint(asked, weights, device, told), folder, console, details=True)


def _carry_out(probe: "Probing", folder: Path, console: "Console", *, details: bool) -> None:
    """Probe the models, which gives results and their manifest, and write and show these."""
    from amulet.core.storage.folders import require_writable
    from amulet.report.console import open_console
    from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
    from amulet.report.progress import probing

    require_writable(folder, FILES)
    with probing(open_console(errors=True)) as told:
        results, manifest = probe(told)
    warn(to_be_replaced(folder, results.spec, results.content))
    show_results(results, write_results(results, manifest, folder).page, console, details=details)
