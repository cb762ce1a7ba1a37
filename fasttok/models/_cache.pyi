from fasttok.core._interrupt import Interrupt

SPARE_IDS: int

class PretokenCache:
    limit: int
    n_bytes: int
    interrupt: Interrupt
    is_seeded: bool
    inner: PretokenCache | None
    def __init__(self, limit: int) -> None: ...
    def __len__(self) -> int: ...

def join(caches: list[PretokenCache]) -> None: ...
