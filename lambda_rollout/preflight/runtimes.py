"""When AWS deprecates, or has deprecated, each managed runtime.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html as it stood in 2026. A date that lies
ahead is AWS's forecast. A runtime that is not here is not known to be deprecated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

DEPRECATED_ON: Mapping[str, date] = MappingProxyType(
    {
        "nodejs14.x": date(2023, 12, 4),
        "nodejs16.x": date(2024, 6, 12),
        "nodejs18.x": date(2025, 9, 1),
        "nodejs20.x": date(2026, 4, 30),
        "nodejs22.x": date(2027, 4, 30),
        "nodejs24.x": date(2028, 4, 30),
        "python3.7": date(2023, 12, 4),
        "python3.8": date(2024, 10, 14),
        "python3.9": date(2025, 12, 15),
        "python3.10": date(2026, 10, 31),
        "python3.11": date(2027, 6, 30),
        "python3.12": date(2028, 10, 31),
        "python3.13": date(2029, 6, 30),
        "python3.14": date(2029, 6, 30),
        "java8": date(2024, 1, 8),
        "java8.al2": date(2027, 6, 30),
        "java11": date(2027, 6, 30),
        "java17": date(2027, 6, 30),
        "java21": date(2029, 6, 30),
        "java25": date(2029, 6, 30),
        "dotnetcore3.1": date(2023, 4, 3),
        "dotnet6": date(2024, 12, 20),
        "dotnet8": date(2026, 11, 10),
        "dotnet10": date(2028, 11, 14),
        "ruby2.7": date(2023, 12, 7),
        "ruby3.2": date(2026, 3, 31),
        "ruby3.3": date(2027, 3, 31),
        "ruby3.4": date(2028, 3, 31),
        "ruby4.0": date(2029, 3, 31),
        "go1.x": date(2024, 1, 8),
        "provided": date(2024, 1, 8),
        "provided.al2": date(2026, 7, 31),
        "provided.al2023": date(2029, 6, 30),
    }
)
