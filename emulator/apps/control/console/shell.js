// What all views share: saying how something went, asking whether it is meant, and having the page looked at again.

const said = document.getElementById("said");
let quiet;

export function say(text, failed = false) {
  said.textContent = text;
  said.className = failed ? "shown failed" : "shown";
  clearTimeout(quiet);
  quiet = setTimeout(() => { said.className = ""; }, failed ? 8000 : 3000);
}

/** Resolves with whether the reader says yes; Escape says no. */
export function sure(question, yes) {
  const dialog = document.getElementById("ask");
  document.getElementById("ask-what").textContent = question;
  const agree = document.getElementById("ask-yes");
  agree.textContent = yes;
  return new Promise((resolve) => {
    let answer = false;
    agree.onclick = () => { answer = true; dialog.close(); };
    document.getElementById("ask-no").onclick = () => dialog.close();
    dialog.onclose = () => { if (!dialog.open) resolve(answer); }; // that it was closed is told late: perhaps when it asks something else
    dialog.showModal();
    agree.focus();
  });
}

let again = () => {};
export const onAgain = (function_) => { again = function_; };
export const look = () => again();

/** Do it, say what came of it, and look again. */
export async function act(work, done) {
  try {
    const answer = await work();
    if (done) say(typeof done === "function" ? done(answer) : done);
    return answer;
  } catch (error) {
    say(error.message, true);
    return undefined;
  } finally {
    look();
  }
}

/** onsubmit of a form: its fields as an object of texts. */
export const submitted = (take) => (event) => {
  event.preventDefault();
  take(Object.fromEntries(new FormData(event.target)), event.target);
};
