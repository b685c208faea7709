// Logs in with the password and goes to the page.
import { command } from "./server.js";

const form = document.getElementById("login");
const password = document.getElementById("password");
const message = document.getElementById("message");

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  message.hidden = true;
  try {
    await command("/api/v1/login", { password: password.value });
    location.assign("/");
  } catch (problem) {
    message.textContent = problem.message;
    message.hidden = false;
    password.select();
  }
});
