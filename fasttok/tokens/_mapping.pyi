from typing_extensions import Buffer

class Mapping(Buffer):
    end: int
    def __init__(self, paths: list[str], sizes: list[int]) -> None: ...
