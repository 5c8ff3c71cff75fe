"""The routes as /v1/openapi.json lists them, and the least that each takes: so that no test forgets a new one."""
import re

NOWHERE = "00000000-0000-7000-8000-000000000000"


def routes(daemon):
    """{(method, path): operation}"""
    paths = daemon.request("GET", "/v1/openapi.json").json["paths"]
    return {(method.upper(), path): operation for path, methods in paths.items() for method, operation in methods.items()}


def body_schema(operation):
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema")  # None: no body, or a file


def least(schema):
    """A small value that the schema takes."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return least(schema[choice][0])
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        members, names = schema.get("properties", {}), list(schema.get("required", []))
        names += [name for name in members if name not in names][:max(0, schema.get("minProperties", 0) - len(names))]
        return {name: least(members.get(name, {})) for name in names}
    if kind == "array":
        return [least(schema.get("items", {})) for _ in range(schema.get("minItems", 0))]
    if kind == "string":
        return "x" * max(1, schema.get("minLength", 1))
    return {"boolean": True, "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "null": None}[kind]


def fill(path, /, **values):
    """/v1/x/{id} with what stands for the parameters; NOWHERE for those that are not given."""
    return re.sub(r"\{(\w+)\}", lambda m: str(values.get(m[1], NOWHERE)), path)
