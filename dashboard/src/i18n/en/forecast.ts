export const forecast = {
  title: 'Forecast',
  lead: '{{days}}: {{units}} units, between {{lower}} and {{upper}} with 80 % certainty.',
};
