/** Counts the sockets whose login or registration has not been answered yet. */
export class Openings {
  current = 0;
  /** The highest number at any time since the start, or since it was set. */
  maximum = 0;

  /** Counts a socket. Returns a function that ends the count. Further calls of that function have no effect. */
  begin(): () => void {
    this.current++;
    this.maximum = Math.max(this.maximum, this.current);
    let open = true;
    return () => {
      if (open) this.current--;
      open = false;
    };
  }
}
