/** Give a file to the person who asked for it. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // the browser reads the blob after the click
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
