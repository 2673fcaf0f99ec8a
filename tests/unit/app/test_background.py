"""Background work: modules loaded late do not lengthen garbage collections."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import ModuleType

import anyio
import pytest

from app.background import freeze_loaded_modules

LATE = "a_library_of_the_first_explanation"


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    sys.modules.pop(LATE, None)
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_objects_of_a_late_module_are_frozen_after_its_import() -> None:
    async def load() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: freeze_loaded_modules(interval=0.001))
            await anyio.sleep(0.01)
            module = ModuleType(LATE)
            value = module.__dict__["value"] = [module]
            assert _is_collectable(value)
            sys.modules[LATE] = module
            with anyio.fail_after(5):
                while _is_collectable(value):
                    await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()

    anyio.run(load)


def _is_collectable(value: object) -> bool:
    return any(tracked is value for tracked in gc.get_objects())
