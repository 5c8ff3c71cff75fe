"""The vendors' formats. Each module has NAME, the folder of its scenarios, and
    route(method, path, headers)   the operation, or None when the address is not this vendor's
    check_request(request)         raises check.Refuse for what the vendor would not take
    key(headers)                   the key that came, or None;   KEY_OPTIONAL: it may be missing
    no_key(), wrong_key()          the Refuse for a missing and for a wrong one
    streamed(request)              whether the answer is to come as a stream
    variables(request)             for the scenario file
    frame(event)                   an event of a stream as bytes;   STREAM_TYPE: its Content-Type, unless text/event-stream
    problem(refuse)                the vendor's error object for a refused request
    remember(request, answer)      where the vendor keeps answers
    LIKE                           folders in which a scenario is looked for that its own has not
and where it has such
    check_key(request, target, key, head, raw)   instead of key(), no_key() and wrong_key(): raises Refuse
    fault_headers(status)          more lines for the head of a fault
    BINARY, broken_frame()         streams are no text; a piece of one that is broken
"""
from vendors import anthropic, awsbedrock, azureai, deepseek, gemini, huggingface, llamacpp, mistral, ollama, openai_chat, openai_more, openai_responses, vllm

KIN = [azureai.VENDOR, deepseek.VENDOR, huggingface.VENDOR, llamacpp.VENDOR, mistral.VENDOR, vllm.VENDOR]  # by the front of their addresses
VENDORS = [*KIN, openai_responses, openai_chat, openai_more, anthropic, gemini, awsbedrock, ollama]
