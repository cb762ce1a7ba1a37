from fasttok.text._spans import Spans

class WordScanner(Spans):
    def __init__(self, punctuation_apart: bool) -> None: ...
