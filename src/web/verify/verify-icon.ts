/** The page's mark in tabs and bookmarks: an envelope with a check, in one drawing for light and dark. */
export const VERIFY_ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f5fd0"/>' +
  '<g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round">' +
  '<path d="M26 14V9.5A1.5 1.5 0 0 0 24.5 8H7.5A1.5 1.5 0 0 0 6 9.5v12A1.5 1.5 0 0 0 7.5 23H14"/>' +
  '<path d="m6.5 9.5 9.5 7 9.5-7"/><path d="m18 22.5 3 3 6-6.5"/></g></svg>';
