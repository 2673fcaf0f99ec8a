"""Docstrings of fields are those of the class's source, its bases' included."""

from __future__ import annotations

from typing import ClassVar

from api.schemas.field_docstrings import field_docstrings


class Base:
    first: int
    """Of the base."""
    second: int
    """Of the base, too,

    with a second paragraph.
    """
    bare: int


class Derived(Base):
    """A class."""

    second: int
    """Of the derived class."""
    constant: ClassVar[int] = 3

    def method(self) -> None:
        """Of no field."""


def test_docstrings_of_the_bases_are_included_and_overridden() -> None:
    assert field_docstrings(Derived) == {"first": "Of the base.", "second": "Of the derived class."}
    assert field_docstrings(Base)["second"] == "Of the base, too,\n\nwith a second paragraph."


def test_a_class_without_source_has_none() -> None:
    made = type("Made", (), {"__annotations__": {"a": int}, "__module__": "builtins"})
    assert field_docstrings(made) == {}
