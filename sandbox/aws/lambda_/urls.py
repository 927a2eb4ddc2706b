"""Operations on function URLs: one on the bare function, one on each alias.

Source: API reference of CreateFunctionUrlConfig and ListFunctionUrlConfigs. Nothing answers at a URL here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import Answer, Params, Region, conflict, invalid, page


@dataclass
class Url:
    """One function URL. function_arn: with the alias, if it is an alias's."""

    function_arn: str
    settings: dict[str, Any]
    made: datetime

    def answer(self) -> Answer:
        """FunctionUrlConfig."""
        at = self.made.isoformat()
        return {
            "FunctionUrl": f"https://{'u' * 32}.lambda-url.sandbox.invalid/",
            "FunctionArn": self.function_arn,
            "CreationTime": at,
            "LastModifiedTime": at,
            "InvokeMode": "BUFFERED",
            **self.settings,
        }


class UrlOperations(Region):
    """Operations on function URLs."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.urls: dict[str, Url] = {}

    def create_function_url_config(self, params: Params) -> Answer:
        """CreateFunctionUrlConfig, of the function or of an alias."""
        arn = self._url_arn(params)
        if arn in self.urls:
            raise conflict(f"Failed to create function url config for [functionArn = {arn}]. "
                           "Error message:  FunctionUrlConfig exists for this Lambda function")  # fmt: skip
        kept = {name: params[name] for name in ("AuthType", "Cors", "InvokeMode") if name in params}
        self.urls[arn] = Url(arn, kept, self.clock.now())
        return self.urls[arn].answer()

    def list_function_url_configs(self, params: Params) -> Answer:
        """ListFunctionUrlConfigs, of a function and all its aliases."""
        arn = self._function(params).arn
        urls = [url.answer() for each, url in self.urls.items() if f"{each}:".startswith(f"{arn}:")]
        shown, more = page(urls, params)
        return {"FunctionUrlConfigs": list(shown), **more}

    def _url_arn(self, params: Params) -> str:
        _, qualifier = self._resolve(params)
        function = self._function(params)
        if qualifier is None:
            return function.arn
        if qualifier == LATEST or is_number(qualifier):
            raise invalid("A function URL is an alias's or the function's.")
        self._alias(function, qualifier)
        return f"{function.arn}:{qualifier}"
