"""The bar that shows how far a long work is."""

from __future__ import annotations

from tqdm import tqdm


class Bar(tqdm):  # type: ignore[misc]
    """tqdm's bar without tqdm's thread, which would go on after the call and might be met by a fork."""

    monitor_interval = 0
