"""``python -m examples NAME FOLDER``: write the tables of an example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from examples.writer import EXAMPLES, SEED, write_example


def main(
    name: Annotated[str, typer.Argument(help=f"Of {', '.join(EXAMPLES)}.")],
    folder: Annotated[Path, typer.Argument(help="Where to write the tables.")],
    scale: Annotated[float, typer.Option(min=0, help="Multiplies the number of series.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Other numbers of the same kind.")] = SEED,
) -> None:
    """Write the tables of an example and its retailer.yaml into a folder."""
    if name not in EXAMPLES:
        raise typer.BadParameter(f"no example {name}; there are {', '.join(EXAMPLES)}")
    for path in write_example(name, folder, scale=scale, seed=seed):
        typer.echo(path)


if __name__ == "__main__":
    typer.run(main)
