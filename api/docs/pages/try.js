// Sends the calls of the page's forms and shows what comes back. The key stays in its field: it is
// written to no storage, no address and no log of the page.
"use strict";

const MOST_SHOWN = 200000; // characters of a body
const ROOT = new URL("./", document.baseURI); // the server, also below a prefix of its path

function requestOf(form) {
  let path = form.dataset.path.slice(1);
  const query = new URLSearchParams();
  const headers = new Headers();
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.value === "") continue;
    if (field.dataset.in === "path") {
      path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    } else if (field.dataset.in === "query") {
      query.append(field.name, field.value);
    } else {
      headers.set(field.name, field.value);
    }
  }
  const url = new URL(path, ROOT);
  url.search = query.toString();
  const key = document.getElementById("key").value.trim();
  if (key) headers.set("X-API-Key", key);
  const body = form.querySelector("textarea");
  const type = form.querySelector("[name='content-type']");
  if (body) headers.set("Content-Type", type.value);
  return [url, {
    method: form.dataset.method,
    headers,
    body: body ? body.value : undefined,
    credentials: "omit",
  }];
}

function readable(text, type) {
  let shown = text;
  if (/[/+]json/.test(type)) {
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // shown as it came
    }
  }
  if (shown.length <= MOST_SHOWN) return shown;
  return `${shown.slice(0, MOST_SHOWN)}\n… ${shown.length - MOST_SHOWN} more characters`;
}

async function send(form) {
  const result = form.parentElement.querySelector(".result");
  const [status, headers, body] = ["status", "headers", "content"].map((name) =>
    result.querySelector(`.${name}`));
  const button = form.querySelector("button");
  button.disabled = true;
  result.hidden = false;
  status.textContent = "Waiting for the answer…";
  status.className = "status";
  headers.textContent = body.textContent = "";
  const began = performance.now();
  try {
    const response = await fetch(...requestOf(form));
    const text = await response.text();
    const took = Math.round(performance.now() - began);
    status.textContent = `${response.status} ${response.statusText} · ${took} ms`;
    status.classList.add(response.ok ? "good" : "bad");
    headers.textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    body.textContent = readable(text, response.headers.get("Content-Type") ?? "") || "(no body)";
  } catch (error) {
    status.textContent = `No answer: ${error.message}`;
    status.classList.add("bad");
  } finally {
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form.call")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  const type = form.querySelector("select[name='content-type']");
  const body = form.querySelector("textarea");
  type?.addEventListener("change", () => {
    body.value = type.selectedOptions[0].dataset.example;
  });
}
document.documentElement.classList.add("scripted");
