// A page with `useChat`, as an application would have it: the default transport, history kept by the page.
// The test bundles it once with version 6 of the AI SDK and once with version 7.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";

const { key, chat, seven } = window.settings;
const headers = { Authorization: `Bearer ${key}`, ...(seven && { "X-AI-SDK": "7" }) };
const transport = new DefaultChatTransport({ headers }); // its address is /api/chat

const kept = () => JSON.parse(localStorage.getItem(chat) ?? "[]");
// An answer that is not whole is left out: it is resumed.
const upToPrompt = (messages) => messages.slice(0, messages.findLastIndex((each) => each.role === "user") + 1);

function Part({ part }) {
  switch (part.type) {
    case "text": return <p className="text">{part.text}</p>;
    case "file": return <img src={part.url} alt={part.filename ?? "picture"} />;
    case "data-suggestions": return <ul>{part.data.map((each) => <li key={each}>{each}</li>)}</ul>;
    default: return null;
  }
}

function Chat() {
  const { messages, sendMessage, regenerate, status, error } = useChat({ id: chat, messages: kept(), transport, resume: true });
  const [text, setText] = useState("");
  const [files, setFiles] = useState();
  useEffect(() => {
    localStorage.setItem(chat, JSON.stringify(status === "ready" ? messages : upToPrompt(messages)));
  }, [messages, status]);
  const submit = (event) => {
    event.preventDefault();
    sendMessage({ text, files });
    setText("");
  };
  return (
    <main data-status={status}>
      {messages.map((message) => (
        <section key={message.id} id={message.id} className={message.role}>
          {message.parts.map((part, at) => <Part key={at} part={part} />)}
        </section>
      ))}
      {error && <output>{error.message}</output>}
      <form onSubmit={submit}>
        <input name="text" value={text} onChange={(event) => setText(event.target.value)} />
        <input name="files" type="file" onChange={(event) => setFiles(event.target.files)} />
        <button>Send</button>
      </form>
      <button onClick={() => regenerate()}>Regenerate</button>
      <button onClick={() => fetch(`/api/chat/${chat}/stop`, { method: "POST", headers })}>Stop</button>
    </main>
  );
}

createRoot(document.getElementById("chat")).render(<Chat />);
