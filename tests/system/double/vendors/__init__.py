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
    LIKE                           folders in which a scenario is looked for that its own has not
"""
from vendors import anthropic, azureai, deepseek, gemini, huggingface, llamacpp, mistral, ollama, openai_chat, openai_more, openai_responses, vllm

KIN = [azureai.VENDOR, deepseek.VENDOR, huggingface.VENDOR, llamacpp.VENDOR, mistral.VENDOR, vllm.VENDOR]  # by the front of their addresses
VENDORS = [*KIN, openai_responses, openai_chat, openai_more, anthropic, gemini, ollama]
