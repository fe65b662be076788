export async function createService() {
  return {
    custom_handlers: {
      greet: async ({ name }) => `hello ${name}`,
      sum: ({ a, b }) => ({ sum: Number(a) + Number(b) }),
      fail: () => {
        throw new Error('on purpose');
      },
    },
  };
}
