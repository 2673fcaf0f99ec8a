export const quality = {
  title: 'How accurate are the forecasts?',
};
