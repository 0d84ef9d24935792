element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-patch]");
  if (button) button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
});
