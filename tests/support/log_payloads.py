"""What functions of each runtime write into their logs when they fail.

From public issues and pages, and from the runtimes' own sources; ids, names and times are replaced.
"""

from __future__ import annotations

ONE = "3e2fbf0c-1482-4d13-93b8-e6f4fc705d3f"
TWO = "5c7d1c3a-0f0e-4a2c-9d55-b8b9d9c3a001"

PAYLOADS: dict[str, tuple[str, ...]] = {
    # https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html, and the runtime's bootstrap.py
    "python": (
        (
            "[ERROR] NameError: name 'x' is not defined\nTraceback (most recent call last):\n"
            '\xa0\xa0File "/var/task/error_function.py", line 2, in lambda_handler\n\xa0\xa0\xa0\xa0return x + 10'
        ),
    ),
    "python as standard output": (
        (
            "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
            "cases, a Lambda runtime update can cause unexpected function behavior.\r"
            "[ERROR] NameError: name 'x' is not defined\rTraceback (most recent call last):\r"
            '\xa0\xa0File "/var/task/error_function.py", line 2, in lambda_handler\r\xa0\xa0\xa0\xa0return x + 10'
        ),
    ),
    "python in JSON": (
        (
            '{"timestamp": "2026-11-23T10:00:07Z", "level": "ERROR", "errorMessage": "name \'x\' is not defined", '
            f'"errorType": "NameError", "requestId": "{ONE}", "stackTrace": ["  File \\"/var/task/error_function.py\\", '
            'line 2, in lambda_handler\\n    return x + 10\\n"]}'
        ),
    ),
    "python that cannot start": (
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'\n"
            "Traceback (most recent call last):"
        ),
    ),
    # https://github.com/assertible/lambda-cloudwatch-slack/issues/55
    "node": (
        (
            f"2026-11-23T10:00:07.841Z\t{ONE}\tERROR\tInvoke Error \t"
            '{"errorType":"SyntaxError","errorMessage":"Unexpected token e in JSON at position 1","stack":'
            '["SyntaxError: Unexpected token e in JSON at position 1","    at JSON.parse (<anonymous>)",'
            '"    at exports.handler (/var/task/index.js:25:24)",'
            '"    at Runtime.handleOnce (/var/runtime/Runtime.js:66:25)"]}'
        ),
    ),
    # https://github.com/cboscolo/elb2loggly/issues/26
    "node that logs an error": (
        (
            f"2026-11-23T10:00:07.743Z\t{ONE}\tERROR\tTypeError: Cannot read property '0' of undefined\r"
            "    at exports.handler (/var/task/index.js:9:33)"
        ),
    ),
    # LogPatch.js of the runtime
    "node in JSON": (
        (
            f'{{"timestamp":"2026-11-23T10:00:07.743Z","level":"ERROR","requestId":"{ONE}","message":'
            '{"errorType":"TypeError","errorMessage":"Cannot read property \'0\' of undefined","stackTrace":'
            "[\"TypeError: Cannot read property '0' of undefined\","
            '"    at exports.handler (/var/task/index.js:9:33)"]}}'
        ),
    ),
    "node that cannot start": (
        (
            "2026-11-23T10:00:07.743Z\tundefined\tERROR\tUncaught Exception \t"
            '{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module \'pg\'\\nRequire stack:'
            '\\n- /var/task/index.js","stack":["Runtime.ImportModuleError: Error: Cannot find module \'pg\'",'
            '"    at _loadUserApp (file:///var/runtime/index.mjs:1087:17)"]}'
        ),
    ),
    # UserFault.java of the runtime
    "java": (
        (
            "Division by zero: java.lang.ArithmeticException\njava.lang.ArithmeticException: Division by zero\n"
            "\tat example.Handler.divide(Handler.java:31)\n"
            "\tat java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(Unknown Source)\n"
        ),
    ),
    "java in JSON": (
        (
            '{"timestamp":"2026-11-23T10:00:07.743Z","level":"ERROR","message":"Division by zero: '
            "java.lang.ArithmeticException\\njava.lang.ArithmeticException: Division by zero\\n"
            f'\\tat example.Handler.divide(Handler.java:31)\\n","AWSRequestId":"{ONE}"}}'
        ),
    ),
    # https://github.com/aws/aws-lambda-dotnet/pull/1016
    "dotnet": (
        (
            f"2026-11-23T10:00:07.274Z\t{ONE}\tfail\tSystem.ApplicationException: You caused a failure\n"
            " ---> System.ArgumentException: input\n"
            "   at Shop.Function.ThrowTest(String input) in C:\\source\\Shop\\Function.cs:line 45\n"
            "   --- End of inner exception stack trace ---\n"
            "   at Shop.Function.ThrowTest(String input) in C:\\source\\Shop\\Function.cs:line 49\n"
        ),
    ),
    "dotnet in JSON": (
        (
            f'{{"timestamp":"2026-11-23T10:00:07.274Z","level":"Error","requestId":"{ONE}","message":"",'
            '"errorType":"System.ApplicationException","errorMessage":"You caused a failure","stackTrace":'
            '["   at Shop.Function.ThrowTest(String input) in /src/Shop/Function.cs:line 45"]}'
        ),
    ),
    # invoke_loop.go and messages.go of aws-lambda-go
    "go": ('2026/11/23 10:00:07 {"errorMessage":"no such order","errorType":"errorString"}',),
    "go that panics": (
        (
            '2026/11/23 10:00:07 {"errorMessage":"runtime error: index out of range [5] with length 3",'
            '"errorType":"boundsError","stackTrace":[{"path":"github.com/aws/aws-lambda-go@v1.41.0/lambda/errors.go",'
            '"line":39,"label":"lambdaPanicResponse"},{"path":"runtime/panic.go","line":884,"label":"gopanic"},'
            '{"path":"shop/main.go","line":12,"label":"handler"}]}'
        ),
        "2026/11/23 10:00:07 calling the handler function resulted in a panic, the process should exit",
        f"RequestId: {ONE} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n",
    ),
    # https://github.com/rails-lambda/lambdakiq/issues/27
    "ruby": (
        (
            'Critical exception from handler\n{\n  "errorMessage": "undefined method `each\' for nil:NilClass",\n'
            '  "errorType": "Function<NoMethodError>",\n  "stackTrace": [\n'
            '    "/var/task/vendor/bundle/ruby/2.7.0/gems/lamby-3.1.1/lib/lamby/handler.rb:43:in `block in body\'",\n'
            '    "/var/task/app.rb:18:in `handler\'"\n    ]\n}'
        ),
    ),
    "rust": (
        "thread 'main' panicked at src/main.rs:12:5:\ncalled `Option::unwrap()` on a `None` value\n",
    ),
    # https://github.com/theam/aws-lambda-haskell-runtime/issues/25
    "a custom runtime that dies": (
        f"RequestId: {ONE} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n",
    ),
    # https://github.com/nishidemasami/contactform-api/issues/29
    "a custom runtime that cannot start": (
        (
            f"REPORT RequestId: {ONE}\tDuration: 11.48 ms\tBilled Duration: 12 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 10 MB\tStatus: error\tError Type: Runtime.InvalidEntrypoint"
        ),
    ),
    "no time left": (
        f"2026-11-23T10:00:07.000Z {ONE} Task timed out after 3.00 seconds\n\n",
        (
            f"REPORT RequestId: {ONE}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 45 MB\tStatus: timeout\n"
        ),
    ),
    # https://github.com/doug-macleod/Pipe-1Dev/issues/18
    "no memory left": (
        f"RequestId: {ONE} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
        (
            f"REPORT RequestId: {ONE}\tDuration: 631.51 ms\tBilled Duration: 632 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n"
        ),
    ),
    "no time left to start": (
        "INIT_REPORT Init Duration: 10008.63 ms\tPhase: init\tStatus: timeout\n",
    ),
    # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
    "no time left, in JSON": (
        (
            f'{{"time":"2026-11-23T10:00:07.000Z","type":"platform.report","record":{{"requestId":"{ONE}",'
            '"metrics":{"durationMs":3000.0},"status":"timeout"}}'
        ),
    ),
    # https://docs.powertools.aws.dev/lambda/python/latest/core/logger/
    "powertools": (
        (
            '{"level":"ERROR","location":"handler:10","message":"Received an exception","timestamp":'
            f'"2026-11-23 10:00:07,743+0000","service":"payment","function_request_id":"{ONE}","exception":'
            '"Traceback (most recent call last):\\n  File \\"/var/task/app.py\\", line 8, in handler\\n    raise '
            'ValueError(\\"bad\\")\\nValueError: bad","exception_name":"ValueError"}'
        ),
    ),
    # https://github.com/pinojs/pino/blob/main/docs/api.md
    "pino": (
        (
            '{"level":50,"time":1795428007743,"pid":8,"hostname":"169.254.0.1","err":{"type":"TypeError","message":'
            '"cannot pay","stack":"TypeError: cannot pay\\n    at pay (/var/task/dist/pay.js:11:9)"},"msg":"cannot pay"}'
        ),
    ),
    "a logger's line": (f"[ERROR]\t2026-11-23T10:00:07.743Z\t{ONE}\tcould not pay order 4711\n",),
}
"""Name -> the entries of one invocation that failed."""

HARMLESS = (
    f"START RequestId: {ONE} Version: 8\n",
    f"END RequestId: {ONE}\n",
    f"REPORT RequestId: {ONE}\tDuration: 12.31 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 38 MB",
    "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn:aws:lambda:eu-central-1::runtime:x",
    "INFO no error in 12 orders",
    f"[INFO]\t2026-11-23T10:00:07.743Z\t{ONE}\tErrors: none\n",
    f"2026-11-23T10:00:07.743Z\t{ONE}\tINFO\terror page rendered",
    f'{{"time":"x","type":"platform.report","record":{{"requestId":"{ONE}","status":"success"}}}}',
    '{"level":"INFO","message":"no exception"}',
    '{"level":30,"msg":"fail2ban started"}',
    "handling failures of yesterday",
)
"""What passes the filter perhaps, and tells of no error."""
