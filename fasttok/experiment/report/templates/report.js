// Sort a table when the head of a column is clicked. Without this script, tables are not sortable.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    const label = head.querySelector(".label") ?? head;
    button.append(...label.childNodes);
    label.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === ""); // rows without a value come last
        const isNumeric = !isNaN(x) && !isNaN(y);
        return sign * (isNumeric ? x - y : x < y ? -1 : x > y ? 1 : 0);
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
