"""Operations that forecast, explain a forecast, or try another plan."""
