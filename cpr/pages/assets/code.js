// The request as a command and as a program.

import { PYTHON_WORDS, write } from "./json.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A longer body goes into a file, which the command and the program then read.
const LONGEST = 3000;
export const isLong = (body) => write(body).length > LONGEST;

export function curl(url, body, needsToken) {
  const token = needsToken ? ' \\\n  -H "Authorization: Bearer $TOKEN"' : "";
  return `curl ${quoted(url)} \\\n  -H 'Content-Type: application/json'${token} \\\n  ${isLong(body) ? "--data-binary @request.json" : `-d ${quoted(write(body))}`}`;
}

export function python(url, body, needsToken) {
  const library = [isLong(body) ? "import json" : "", needsToken ? "import os" : ""].filter(Boolean);
  const written = isLong(body)
    ? 'json.load(open("request.json"))'
    : write(body, { words: PYTHON_WORDS, width: 70, step: "    " }).replaceAll("\n", "\n    ");
  const lines = [
    ...(library.length ? [...library, ""] : []),
    "import requests",
    "",
    "response = requests.post(",
    `    ${JSON.stringify(url)},`,
    `    json=${written},`,
    ...(needsToken ? ['    headers={"Authorization": f"Bearer {os.environ[\'TOKEN\']}"},'] : []),
    "    timeout=60,",
    ")",
    "response.raise_for_status()",
    'print(response.json()["predictions"])',
  ];
  return lines.join("\n");
}
