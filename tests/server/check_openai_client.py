"""The official client's own examples against `aicoder serve`: only OPENAI_BASE_URL and OPENAI_API_KEY differ, the code is as documented.

Usage: check_openai_client.py PROGRAM. A model of 135M parameters says little that is right; what is checked is that each call works, and
that what a schema promises holds.
"""
# The examples stand as they are documented, old spellings of types too.
# ruff: noqa: UP006, UP007, UP035, UP042

import asyncio
import json
import os
import sys
from enum import Enum
from typing import List, Union

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from serve_program import Served

ALIASES = ["gpt-5.5", "gpt-4o", "gpt-4o-2024-08-06", "text-embedding-3-small"]


def chat():
    client = OpenAI()

    completion = client.chat.completions.create(
        model="gpt-5.5",
        messages=[
            {"role": "developer", "content": "Talk like a pirate."},
            {
                "role": "user",
                "content": "How do I check if a Python object is an instance of a class?",
            },
        ],
        max_completion_tokens=40,
    )

    assert completion.choices[0].message.content
    assert completion.usage.completion_tokens <= 40
    assert completion.choices[0].finish_reason in ("stop", "length")


def stream():
    client = OpenAI()

    stream = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {
                "role": "user",
                "content": "Say 'double bubble bath' ten times fast.",
            },
        ],
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=30,
    )

    text, usage = "", None
    for event in stream:
        if event.choices and event.choices[0].delta.content:
            text += event.choices[0].delta.content
        usage = event.usage or usage
    assert text
    assert 0 < usage.completion_tokens <= 30


def stream_helper():
    client = OpenAI()
    with client.chat.completions.stream(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Count to five."}],
        max_tokens=300,
        n=2,
        logprobs=True,
        top_logprobs=2,
        seed=3,
    ) as events:
        types = {event.type for event in events}
        final = events.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= types, types
    assert len(final.choices) == 2
    assert all(choice.message.content for choice in final.choices)
    assert len(final.choices[0].logprobs.content) > 0
    assert len(final.choices[0].logprobs.content[0].top_logprobs) == 2


def same_seed_same_text():
    client = OpenAI()

    def once(seed):
        answer = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Tell me a story."}], max_tokens=24, temperature=1, seed=seed
        )
        return answer.choices[0].message.content

    assert once(1) == once(1)
    greedy = [
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Tell me a story."}], max_tokens=16, temperature=0, n=2
        )
        for _ in range(2)
    ]
    assert greedy[0].choices[0].message.content == greedy[1].choices[1].message.content


def stop_strings():
    client = OpenAI()
    messages = [{"role": "user", "content": "Count: 1, 2, 3, 4, 5, 6"}]
    free = client.chat.completions.create(model="gpt-4o", messages=messages, max_tokens=30, temperature=0).choices[0].message.content
    word = free.split()[2]
    cut = client.chat.completions.create(model="gpt-4o", messages=messages, max_tokens=30, temperature=0, stop=[word]).choices[0]
    assert word not in cut.message.content
    assert free.startswith(cut.message.content)
    assert cut.finish_reason == "stop"


class Step(BaseModel):
    explanation: str
    output: str


class MathResponse(BaseModel):
    steps: List[Step]
    final_answer: str


def structured_output():
    client = OpenAI()
    completion = client.chat.completions.parse(
        model="gpt-4o-2024-08-06",
        messages=[
            {"role": "system", "content": "You are a helpful math tutor."},
            {"role": "user", "content": "solve 8x + 31 = 2"},
        ],
        response_format=MathResponse,
        max_tokens=700,
        temperature=0,
        extra_body={"repeat_penalty": 1.3},
    )
    # A small model may go on until it is cut; what it wrote holds to the schema either way.
    assert completion.choices[0].message.parsed.final_answer is not None
    assert all(step.output is not None for step in completion.choices[0].message.parsed.steps)


class Table(str, Enum):
    orders = "orders"
    customers = "customers"
    products = "products"


class Column(str, Enum):
    id = "id"
    status = "status"
    expected_delivery_date = "expected_delivery_date"
    delivered_at = "delivered_at"
    shipped_at = "shipped_at"
    ordered_at = "ordered_at"
    canceled_at = "canceled_at"


class Operator(str, Enum):
    eq = "="
    gt = ">"
    lt = "<"
    le = "<="
    ge = ">="
    ne = "!="


class OrderBy(str, Enum):
    asc = "asc"
    desc = "desc"


class DynamicValue(BaseModel):
    column_name: str


class Condition(BaseModel):
    column: str
    operator: Operator
    value: Union[str, int, DynamicValue]


class Query(BaseModel):
    table_name: Table
    columns: List[Column]
    conditions: List[Condition]
    order_by: OrderBy


def tools():
    client = OpenAI()
    messages = [
        {
            "role": "system",
            "content": "You are a helpful assistant. The current date is August 6, 2024. You help users query for the data they are looking for by calling the query function.",
        },
        {
            "role": "user",
            "content": "look up all my orders in november of last year that were fulfilled but not delivered on time",
        },
    ]
    completion = client.chat.completions.parse(
        model="gpt-4o-2024-08-06",
        messages=messages,
        tools=[openai.pydantic_function_tool(Query)],
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=700,
        temperature=0,
        extra_body={"repeat_penalty": 1.3},
    )
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls", choice
    call = choice.message.tool_calls[0]
    assert call.function.name == "Query"
    assert isinstance(call.function.parsed_arguments, Query)

    # The round trip: the call and its result go back, and an answer comes.
    messages += [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call.model_dump(include={"id": True, "type": True, "function": {"name", "arguments"}})],
        },
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps([{"id": 7, "status": "late"}])},
    ]
    answer = client.chat.completions.create(
        model="gpt-4o-2024-08-06", messages=messages, tools=[openai.pydantic_function_tool(Query)], tool_choice="none", max_tokens=30
    )
    assert answer.choices[0].message.content


def tools_named_in_a_stream():
    client = OpenAI()
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get current temperature for a given location.",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "enum": ["Bogotá, Colombia", "Paris, France"]},
                    "units": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["location", "units"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
    stream = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "What is the weather like in Paris today?"}],
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        max_tokens=80,
        stream=True,
    )
    final_tool_calls, finish = {}, None
    for chunk in stream:
        for tool_call in chunk.choices[0].delta.tool_calls or []:
            index = tool_call.index
            if index not in final_tool_calls:
                final_tool_calls[index] = tool_call
            else:
                final_tool_calls[index].function.arguments += tool_call.function.arguments
        finish = chunk.choices[0].finish_reason or finish
    assert finish == "tool_calls"
    arguments = json.loads(final_tool_calls[0].function.arguments)
    assert arguments["location"] in ("Bogotá, Colombia", "Paris, France")
    assert arguments["units"] in ("celsius", "fahrenheit")


def json_mode():
    client = OpenAI()
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Give me a JSON object with a name."}],
        response_format={"type": "json_object"},
        max_tokens=60,
        temperature=0,
    )
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    else:
        assert answer.choices[0].message.content.lstrip().startswith("{")


def embeddings():
    client = OpenAI()
    response = client.embeddings.create(input="Your text string goes here", model="text-embedding-3-small")
    vector = response.data[0].embedding
    assert abs(sum(x * x for x in vector) - 1) < 1e-3
    many = client.embeddings.create(
        input=["a cat sat on the mat", "the cat is sitting on a mat", "quarterly tax return"],
        model="text-embedding-3-small",
        encoding_format="float",
    )
    a, b, c = (one.embedding for one in many.data)
    near, far = (sum(x * y for x, y in zip(a, other, strict=True)) for other in (b, c))
    assert near > far, (near, far)
    again = client.embeddings.create(input=["a cat sat on the mat"], model="text-embedding-3-small").data[0].embedding
    assert max(abs(x - y) for x, y in zip(a, again, strict=True)) < 1e-3  # base64 and numbers say the same


def completions_and_models():
    client = OpenAI()
    legacy = client.completions.create(model="gpt-4o", prompt="Once upon a time", max_tokens=8, temperature=0, logprobs=2)
    assert legacy.choices[0].text
    assert len(legacy.choices[0].logprobs.tokens) == legacy.usage.completion_tokens
    ids = [model.id for model in client.models.list()]
    assert "gpt-5.5" in ids
    assert client.models.retrieve("gpt-5.5").id == "gpt-5.5"


def asynchronous():
    async def main():
        client = AsyncOpenAI()
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"Say {i}"}], max_tokens=8)
                for i in range(6)
            )
        )
        assert all(answer.choices[0].message.content is not None for answer in answers)

    asyncio.run(main())


def errors():
    client = OpenAI(max_retries=0)
    messages = [{"role": "user", "content": "x"}]
    for arguments, expected in (
        ({"model": "no-such-model"}, openai.NotFoundError),
        ({"model": "gpt-4o", "logit_bias": {"1": 2}}, openai.BadRequestError),
    ):
        try:
            client.chat.completions.create(messages=messages, **arguments)
            raise AssertionError("accepted")
        except expected as error:
            assert error.body["message"], error
    try:
        OpenAI(api_key="wrong", max_retries=0).models.list()
        raise AssertionError("accepted")
    except openai.AuthenticationError:
        pass


def main():
    arguments = ["--token", "--context", "2048", "--sequences", "4"]
    for alias in ALIASES:
        arguments += ["--alias", alias]
    with Served(sys.argv[1], arguments) as server:
        os.environ["OPENAI_BASE_URL"] = server.url + "/v1"
        os.environ["OPENAI_API_KEY"] = server.token
        examples = [
            chat,
            stream,
            stream_helper,
            same_seed_same_text,
            stop_strings,
            structured_output,
            tools,
            tools_named_in_a_stream,
            json_mode,
            embeddings,
            completions_and_models,
            asynchronous,
            errors,
        ]
        for example in examples:
            print(example.__name__, flush=True)
            example()
        assert server.stop() == 0
        assert all(server.token not in json.dumps(line) for line in server.log())
    print("all examples ran")


if __name__ == "__main__":
    main()
