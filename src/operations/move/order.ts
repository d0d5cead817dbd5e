/** A member with the members that it calls. */
interface Caller {
  readonly name: string;
  readonly peers: readonly string[];
}

/**
 * Members with callers first: when a member stops, those that call it have no open call any more. Members that call each other start with
 * the one that calls the most. Pure.
 */
export function callersFirst<T extends Caller>(members: readonly T[]): T[] {
  const ordered: T[] = [];
  const left = [...members];
  const calls = ({ name, peers }: Caller) =>
    left.filter((other) => other.name !== name && peers.includes(other.name)).length;
  const isCalled = ({ name }: Caller) =>
    left.some((other) => other.name !== name && other.peers.includes(name));
  while (left.length > 0) {
    const most = Math.max(...left.map(calls));
    const next = left.findIndex((one) => !isCalled(one));
    const [taken] = left.splice(next >= 0 ? next : left.findIndex((one) => calls(one) === most), 1);
    if (taken) ordered.push(taken);
  }
  return ordered;
}
