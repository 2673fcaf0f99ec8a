"""What goes on beside requests: nothing that is loaded late makes collections long."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import ModuleType

import anyio
import pytest

from application.background import freeze_loaded_modules

LATE = "a_library_of_the_first_explanation"


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    sys.modules.pop(LATE, None)
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_a_module_holds_is_frozen_when_it_is_loaded() -> None:
    async def load() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: freeze_loaded_modules(interval=0.001))
            await anyio.sleep(0.01)
            module = ModuleType(LATE)
            held = module.__dict__["held"] = [module]
            assert _is_collectable(held)
            sys.modules[LATE] = module
            with anyio.fail_after(5):
                while _is_collectable(held):
                    await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()

    anyio.run(load)


def _is_collectable(held: object) -> bool:
    return any(found is held for found in gc.get_objects())
