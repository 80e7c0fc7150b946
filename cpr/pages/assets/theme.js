// The theme is the system's until it is chosen. Before the page is painted, so not a module.
(() => {
  const themes = ["auto", "light", "dark"];

  function kept(change) {
    try {
      return change(window.localStorage);
    } catch (error) {
      // A sandboxed frame has no storage; the choice then lasts as long as the page.
      if (error.name !== "SecurityError" && error.name !== "QuotaExceededError") throw error;
      return null;
    }
  }

  function apply(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  let theme = kept((storage) => storage.getItem("cpr-theme"));
  if (!themes.includes(theme)) theme = "auto";
  apply(theme);

  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.getElementById("theme");
    const show = () => { toggle.textContent = `Theme: ${theme}`; };
    show();
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      apply(theme);
      show();
      kept((storage) => storage.setItem("cpr-theme", theme));
    });
  });
})();
