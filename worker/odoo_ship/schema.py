"""The part of JSON Schema that describes requests: request-schema.json, which is made of the schemas in components/."""

import re

KINDS = {"string": (str, "text"), "boolean": (bool, "true or false"), "number": ((int, float), "a number"),
         "array": (list, "a list"), "object": (dict, "an object"), "null": (type(None), "null")}
#: A schema that says more than is understood here would be obeyed in part.
KNOWN = {"$schema", "type", "properties", "required", "additionalProperties", "propertyNames", "items", "anyOf",
         "const", "pattern", "minLength", "readOnly"}


def problems(value, schema, place="request"):
    """Everything that is wrong, one sentence for each place. Values are not shown: some are secret.

    Raises ValueError for a schema that is not understood.
    """
    if set(schema) - KNOWN:
        raise ValueError(f"the schema of {place} has {', '.join(sorted(set(schema) - KNOWN))}")
    if "anyOf" in schema:
        found = [problems(value, one, place) for one in schema["anyOf"]]
        return [] if [] in found else min(found, key=len)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_a(value, kind) for kind in kinds):
        return [f"{place} is not {' or '.join(KINDS[kind][1] for kind in kinds)}"]
    if "const" in schema and value != schema["const"]:
        return [f"{place} is not {schema['const']!r}"]
    if isinstance(value, str):
        return problems_of_text(value, schema, place)
    if isinstance(value, list):
        each = enumerate(value)
        return [text for index, one in each for text in problems(one, schema.get("items", {}), f"{place}[{index}]")]
    return problems_of_object(value, schema, place) if isinstance(value, dict) else []


def is_a(value, kind):
    # True and False are numbers in Python.
    return isinstance(value, KINDS[kind][0]) and not (kind == "number" and isinstance(value, bool))


def problems_of_text(value, schema, place):
    if len(value) < schema.get("minLength", 0):
        return [f"{place} is empty"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{place} does not match {schema['pattern']}"]
    return []


def problems_of_object(value, schema, place):
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    found = [f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        if name in known:
            found += problems(one, known[name], f"{place}.{name}")
        elif others is False:
            found.append(f"{place}.{name} is unknown")
        else:
            found += problems(one, others, f"{place}.{name}")
    return found
