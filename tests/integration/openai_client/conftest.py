"""A service with a real model, and OpenAI's client of it."""

import openai
import pytest
from running_service import RunningService

TOPOLOGY = """
[models.smollm2]
path = "$model"
[engines.smollm2]
model = "smollm2"
context_length = 2048
[endpoints.smollm2]
members = ["smollm2"]
aliases = ["gpt-4o-mini"]
[frontends.http]
bind = "127.0.0.1:$port"
cors_origins = ["http://page.example"]
"""


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    service = RunningService(TOPOLOGY, tmp_path_factory.mktemp("service"))
    yield service
    service.end()


@pytest.fixture(scope="session")
def address(service):
    return service.address


@pytest.fixture(scope="session")
def client(address):
    return openai.OpenAI(base_url=address + "/v1", api_key="none", max_retries=0)


# Templates that call tools and that think, for a model that was taught neither.
CALLER = """{% if tools %}<|im_start|>system
You may call functions. These are there:
{% for t in tools %}{{ t | tojson }}
{% endfor %}Write a call as
<tool_call>
{"name": <name of the function>, "arguments": <object of its arguments>}
</tool_call><|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
THINKER = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>
{% endif %}{% endif %}"""
TEMPLATES_TOPOLOGY = """
[models.caller]
path = "$model"
chat_template = "{folder}/caller.jinja"
[models.thinker]
path = "$model"
chat_template = "{folder}/thinker.jinja"
[engines]
caller = { model = "caller", context_length = 2048 }
thinker = { model = "thinker", context_length = 2048 }
[frontends.http]
bind = "127.0.0.1:$port"
"""


@pytest.fixture(scope="session")
def tools_client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    (folder / "caller.jinja").write_text(CALLER)
    (folder / "thinker.jinja").write_text(THINKER)
    service = RunningService(TEMPLATES_TOPOLOGY.replace("{folder}", str(folder)), tmp_path_factory.mktemp("service"))
    yield openai.OpenAI(base_url=service.address + "/v1", api_key="none", max_retries=0)
    service.end()
