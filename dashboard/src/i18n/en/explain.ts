export const explain = {
  title: 'Why is the forecast what it is?',
};
