// The ways in which a provider's stream breaks: the table of tests/clients/faults.json.
const FAULTS = JSON.parse(process.env.FAULTS);

/** Have `check` look at a prompt for each of them, all at once; its error says which one it was. */
export async function eachFault(check) {
  await Promise.all(
    FAULTS.map(async (fault) => {
      try {
        await check(`Tell me about rivers. [[simulate tokens=20 ${fault}]]`);
      } catch (error) {
        throw new Error(`the fault was: ${fault}`, { cause: error });
      }
    }),
  );
}
