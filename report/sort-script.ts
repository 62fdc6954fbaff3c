// The page's only script: tables that sort.

/** Makes the columns of the page's tables sort by keyboard or pointer. Without it the page lacks nothing else. */
export const SORT_SCRIPT = `
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.key === undefined) return cell.textContent;
    return cell.dataset.key === '' ? null : Number(cell.dataset.key);
  };
  const compare = (left, right) => (typeof left === 'number' ? left - right : left.localeCompare(right, 'en', { numeric: true }));
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement('button');
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const falling = head.getAttribute('aria-sort') === 'ascending' || (head.getAttribute('aria-sort') === null && head.className === 'number');
      for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
      const keyed = [...body.rows].map((row) => ({ row, key: keyOf(row, column) }));
      keyed.sort((left, right) => {
        if (left.key === null || right.key === null) return (left.key === null) - (right.key === null);
        return falling ? compare(right.key, left.key) : compare(left.key, right.key);
      });
      body.append(...keyed.map(({ row }) => row));
    });
  });
}
`;
