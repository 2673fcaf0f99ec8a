export const tree = {
  title: 'Hierarchy',
};
