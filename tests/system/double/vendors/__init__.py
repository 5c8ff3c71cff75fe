"""The vendors' formats. Each module has NAME, the folder of its scenarios, and
    route(method, path, headers)   the operation, or None when the address is not this vendor's
    check_request(request)         raises check.Refuse for what the vendor would not take
    key(headers)                   the key that came, or None;   KEY_OPTIONAL: it may be missing
    no_key(), wrong_key()          the Refuse for a missing and for a wrong one
    streamed(request)              whether the answer is to come as a stream
    variables(request)             for the scenario file
    frame(event)                   an event of a stream as bytes
    problem(refuse)                the vendor's error object for a refused request
    remember(request, answer)      where the vendor keeps answers
"""
from vendors import anthropic, gemini, ollama, openai_chat, openai_more, openai_responses

VENDORS = [openai_responses, openai_chat, openai_more, anthropic, gemini, ollama]
