from collections.abc import Callable, Sequence

from fasttok.models._encoder import PretokenEncoder

class PythonEncoder(PretokenEncoder):
    def __init__(self, function: Callable[[bytes], Sequence[int]], n_ids: int) -> None: ...
