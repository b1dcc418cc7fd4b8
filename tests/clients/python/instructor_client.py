"""instructor, by forced tools and by JSON schema."""

import instructor
from common import KEY, URL, run
from openai import OpenAI
from pydantic import BaseModel


class River(BaseModel):
    name: str
    length_km: int


def _extracted(mode):
    client = instructor.from_openai(OpenAI(base_url=URL, api_key=KEY), mode=mode)
    asked = [{"role": "user", "content": "Name a river and its length."}]
    return client.chat.completions.create(model="assistant", messages=asked, response_model=River)


def tools():
    assert isinstance(_extracted(instructor.Mode.TOOLS), River)


def json_schema():
    assert isinstance(_extracted(instructor.Mode.JSON_SCHEMA), River)


if __name__ == "__main__":
    run(globals())
