export const batch = {
  title: 'Forecasts of many series',
};
