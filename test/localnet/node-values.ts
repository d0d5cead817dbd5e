/** The value in a node's answer in JSON, which has an envelope around it. */
export async function valueIn(answer: Response): Promise<string> {
  const { body } = (await answer.json()) as { body: string | number };
  return String(body);
}
