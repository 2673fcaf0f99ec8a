export const plan = {
  title: 'Overrides',
};
