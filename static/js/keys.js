// Forms marked data-key ask the browser for a key (WebAuthn) and send its answer in the field "credential". What to ask
// for is JSON in the element that data-options names, with bytes in base64url.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function decoded({ publicKey }) {
  const options = { ...publicKey, challenge: bytes(publicKey.challenge) };
  if (options.user) options.user = { ...options.user, id: bytes(options.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    options[list] = (options[list] || []).map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return { publicKey: options };
}

function encoded(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

for (const form of document.querySelectorAll("form[data-key]")) {
  const trouble = form.querySelector("[data-key-trouble]");
  const say = (words) => {
    trouble.textContent = words;
    trouble.hidden = false;
  };
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return; // the second time, with the answer
    event.preventDefault();
    trouble.hidden = true;
    if (!window.PublicKeyCredential || !navigator.credentials) return say(trouble.dataset.textMissing);
    const options = decoded(JSON.parse(document.getElementById(form.dataset.options).textContent));
    try {
      const credential = await navigator.credentials[form.dataset.key](options);
      form.elements.credential.value = JSON.stringify(encoded(credential));
      form.requestSubmit();
    } catch (error) {
      say(error.name === "SecurityError" ? trouble.dataset.textMissing : trouble.dataset.textFailed);
    }
    return undefined;
  });
}
