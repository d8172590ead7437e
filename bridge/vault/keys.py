"""The keys that a running process works with, replaceable while it runs.

Owns the present `KeyMaterial`. Knows neither the key file nor what is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.crypto.envelope import Envelope
from bridge.crypto.hashes import KeyedHasher
from bridge.crypto.keyring import Keyring

_CHECK: Final = "hash-check"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """Everything the key file holds, as objects ready for use."""

    records: Keyring
    hasher: KeyedHasher
    envelope: Envelope


class Keys:
    """Holds the present key material; a reader takes it once for each piece of work.

    `refill` swaps the whole at once, so no reader sees half of a rotation.

    Attributes:
        present: the key material to use now.
    """

    def __init__(self, material: KeyMaterial) -> None:
        self.present = material

    @property
    def hasher(self) -> KeyedHasher:
        """The keyed hasher; the same for the life of a store."""
        return self.present.hasher

    def refill(self, material: KeyMaterial) -> None:
        """Use `material` from now on.

        Raises:
            ValueError: its hash key is another. Nothing stored would be found again, and what is
                captured meanwhile would be lost with these keys.
        """
        if material.hasher.index(_CHECK) != self.present.hasher.index(_CHECK):
            raise ValueError("the hash key of a store never changes")
        self.present = material
